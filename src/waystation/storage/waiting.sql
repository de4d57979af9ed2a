-- Tasks that wait for others to succeed.

-- Those whose wait is over, one way or the other, with the state of the other task. One that failed may be retried: it counts
-- as under way.
-- name: over
SELECT t.id, p.id AS other, p.state AS came_to FROM tasks t JOIN tasks p ON p.id = t.waits_for
WHERE t.waits_for IS NOT NULL AND t.state IN ('queued', 'paused')
  AND p.state IN ('succeeded', 'stopped', 'terminated', 'undone')
ORDER BY t.seq LIMIT 100

-- It waits no longer: it may begin at its time.
-- name: let_begin
UPDATE tasks SET waits_for = NULL, run_at = greatest(run_at, clock_timestamp()), updated_at = clock_timestamp(),
    version = version + 1
WHERE id = %(id)s AND waits_for = %(other)s AND state IN ('queued', 'paused')
RETURNING id
