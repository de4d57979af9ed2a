-- What an operator wants of kinds, datasets and queues.

-- All that is set.
-- name: all
SELECT * FROM limits ORDER BY scope, name

-- Set one, anew.
-- name: put
INSERT INTO limits (scope, name, running, held, reason, set_by)
VALUES (%(scope)s, %(name)s, %(running)s::int, %(held)s, %(reason)s, %(set_by)s)
ON CONFLICT (scope, name) DO UPDATE SET running = excluded.running, held = excluded.held, reason = excluded.reason,
    set_by = excluded.set_by, set_at = clock_timestamp()
RETURNING *

-- Nothing is wanted of it any more.
-- name: delete
DELETE FROM limits WHERE scope = %(scope)s AND name = %(name)s
