-- Schedules: tasks that are started again and again, each at its time.

-- All of them by name.
-- name: all
SELECT * FROM schedules ORDER BY name

-- One.
-- name: get
SELECT * FROM schedules WHERE name = %(name)s

-- A new one, or another one under the name. Its next time is kept where its times are the same as before.
-- name: put
INSERT INTO schedules (name, kind, queue, priority, params, secrets, dataset, undoable, unit, unique_key, cron, zone, missed,
    overlap, held, created_by, next_at)
VALUES (%(name)s, %(kind)s, %(queue)s, %(priority)s::int, %(params)s, %(secrets)s, %(dataset)s, %(undoable)s, %(unit)s,
    %(unique_key)s, %(cron)s, %(zone)s, %(missed)s, %(overlap)s, %(held)s, %(created_by)s, %(next_at)s)
ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind, queue = excluded.queue, priority = excluded.priority, params = excluded.params,
    secrets = excluded.secrets, dataset = excluded.dataset, undoable = excluded.undoable, unit = excluded.unit,
    unique_key = excluded.unique_key, missed = excluded.missed, overlap = excluded.overlap, held = excluded.held,
    created_by = excluded.created_by,
    next_at = CASE WHEN (schedules.cron, schedules.zone, schedules.held) = (excluded.cron, excluded.zone, excluded.held)
        THEN schedules.next_at ELSE excluded.next_at END,
    cron = excluded.cron, zone = excluded.zone, updated_at = now()
RETURNING *

-- It is no more.
-- name: delete
DELETE FROM schedules WHERE name = %(name)s

-- Somebody holds it, or lets it go on: what was due meanwhile is no missed time.
-- name: set_held
UPDATE schedules SET held = %(held)s, note = NULL, updated_at = now(),
    next_at = CASE WHEN held = %(held)s THEN next_at ELSE %(next_at)s END
WHERE name = %(name)s
RETURNING *

-- It starts nothing more until somebody makes it anew.
-- name: hold
UPDATE schedules SET held = true, note = %(note)s WHERE name = %(name)s

-- One that is due; whoever else looks passes it over.
-- name: due
SELECT * FROM schedules WHERE NOT held AND next_at <= clock_timestamp() ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- What became of it, in the transaction that starts its tasks.
-- name: done
UPDATE schedules SET next_at = %(next_at)s, last_at = coalesce(%(last_at)s::timestamptz, last_at),
    last_task = coalesce(%(last_task)s::uuid, last_task), note = %(note)s
WHERE name = %(name)s
