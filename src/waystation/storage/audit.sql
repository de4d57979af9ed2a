-- The audit: rows are only ever added. A trigger refuses all else, but for what retention lets go of.

-- One more line, in the transaction of the act itself.
-- name: note
INSERT INTO audit (actor, act, about, task, dataset, reason, data)
VALUES (%(actor)s, %(act)s, %(about)s, %(task)s::uuid, %(dataset)s, %(reason)s, %(data)s)

-- Retention says that it is retention, until its transaction ends.
-- name: retention
SELECT set_config('waystation.retention', 'on', true)

-- What is old enough goes.
-- name: expire
DELETE FROM audit WHERE at < clock_timestamp() - make_interval(secs => %(seconds)s)
