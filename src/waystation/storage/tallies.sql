-- Sums for /metrics. Nothing here reads all tasks: each query costs the same with a thousand of them as with a million.

-- How far the timeline is added up; whoever adds up holds this row.
-- name: upto
SELECT events FROM tallied FOR UPDATE

-- Add up what tasks came into a state and left it.
-- name: add_moves
WITH gone AS (
    DELETE FROM task_moves RETURNING kind, state, number
)
INSERT INTO tallies (name, kind, key, number)
SELECT 'tasks', kind, state, sum(number) FROM gone GROUP BY kind, state
ON CONFLICT (name, kind, key) DO UPDATE SET number = tallies.number + excluded.number

-- Add up the next events. A pause took from its wish until the worker obeyed; a stop, terminate or undo from its verb until
-- all was taken back. A claim right after a lost lease is a task taken up again.
-- name: add_events
WITH fresh AS MATERIALIZED (
    SELECT e.id, e.task, e.at, e.event, e.data, t.kind
    FROM events e JOIN tasks t ON t.id = e.task
    WHERE e.id > %(upto)s::bigint AND e.id <= %(to)s::bigint AND e.event <> 'log'
), answered AS (
    SELECT CASE f.event WHEN 'paused' THEN 'pause' ELSE 'stop' END AS name, f.kind,
        greatest(extract(epoch FROM f.at - asked.at)::float8, 0) AS seconds
    FROM fresh f, LATERAL (
        SELECT e.at FROM events e
        WHERE e.task = f.task AND e.id < f.id
          AND CASE f.event WHEN 'paused' THEN e.event = 'pause asked'
              ELSE e.data ->> 'verb' IN ('stop', 'terminate', 'undo') END
        ORDER BY e.id DESC LIMIT 1
    ) asked
    WHERE (f.event = 'paused' AND NOT f.data ? 'verb') OR f.event IN ('rolled back', 'cleaned up', 'undone')
), bounded AS (
    SELECT name, kind, seconds, coalesce((SELECT min(b) FROM unnest(%(bounds)s::float8[]) b WHERE a.seconds <= b)::text, '+Inf') AS le
    FROM answered a
), added AS (
    SELECT 'events' AS name, kind, event AS key, count(*)::float8 AS number FROM fresh GROUP BY kind, event
    UNION ALL
    SELECT 'readopted', f.kind, '', count(*)
    FROM fresh f
    WHERE f.event = 'claimed' AND 'lease lost' = (
        SELECT e.event FROM events e WHERE e.task = f.task AND e.id < f.id AND e.event <> 'log' ORDER BY e.id DESC LIMIT 1
    )
    GROUP BY f.kind
    UNION ALL
    SELECT name, kind, le, count(*) FROM bounded GROUP BY name, kind, le
    UNION ALL
    SELECT name, kind, 'sum', sum(seconds) FROM bounded GROUP BY name, kind
)
INSERT INTO tallies (name, kind, key, number) SELECT name, kind, key, number FROM added
ON CONFLICT (name, kind, key) DO UPDATE SET number = tallies.number + excluded.number

-- The last event there is, but no more than so many on.
-- name: next_events
SELECT max(id) AS last FROM (SELECT id FROM events WHERE id > %(upto)s::bigint ORDER BY id LIMIT %(most)s::int) next

-- So far it is added up now.
-- name: mark
UPDATE tallied SET events = %(to)s::bigint

-- All sums, with those moves that nobody has added up yet.
-- name: all
SELECT name, kind, key, sum(number) AS number FROM (
    SELECT name, kind, key, number FROM tallies
    UNION ALL
    SELECT 'tasks', kind, state, number FROM task_moves
) every_one
GROUP BY name, kind, key

-- How fast what runs now is, by kind and unit.
-- name: rates
SELECT kind, unit, sum(rate) AS rate FROM tasks
WHERE lease_until IS NOT NULL AND state = 'running' AND rate IS NOT NULL GROUP BY kind, unit

-- For how long the oldest task of each queue waits that could begin now. The lines of waiting tasks (a person's in a queue, of
-- one priority) are found one by one in the index, and of each only the first hundred are looked at.
-- name: oldest
WITH RECURSIVE people AS (
    (SELECT queue, created_by FROM tasks WHERE state = 'queued' ORDER BY queue, created_by LIMIT 1)
    UNION ALL
    SELECT next.queue, next.created_by FROM people p, LATERAL (
        SELECT queue, created_by FROM tasks
        WHERE state = 'queued' AND (queue, created_by) > (p.queue, p.created_by) ORDER BY queue, created_by LIMIT 1
    ) next
), lines AS (
    SELECT p.queue, p.created_by, first.priority FROM people p, LATERAL (
        SELECT max(priority) AS priority FROM tasks
        WHERE state = 'queued' AND queue = p.queue AND created_by = p.created_by
    ) first
    UNION ALL
    SELECT l.queue, l.created_by, next.priority FROM lines l, LATERAL (
        SELECT max(priority) AS priority FROM tasks
        WHERE state = 'queued' AND queue = l.queue AND created_by = l.created_by AND priority < l.priority
    ) next WHERE next.priority IS NOT NULL
)
SELECT l.queue, extract(epoch FROM clock_timestamp() - min(front.run_at))::float8 AS seconds
FROM lines l, LATERAL (
    SELECT first.run_at FROM (
        SELECT kind, dataset, queue, run_at, waits_for FROM tasks
        WHERE state = 'queued' AND queue = l.queue AND created_by = l.created_by AND priority = l.priority
          AND run_at <= clock_timestamp()
        ORDER BY run_at LIMIT 100
    ) first
    WHERE first.waits_for IS NULL AND within_limits(first.kind, first.dataset, first.queue)
    ORDER BY first.run_at LIMIT 1
) front
GROUP BY l.queue

-- What webhooks have not been told yet.
-- name: undelivered
SELECT count(*) AS number FROM deliveries WHERE state = 'waiting'

-- Connections to the server, of everybody, and how many it takes.
-- name: connections
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
    current_setting('max_connections')::int AS most
