-- Webhooks and their deliveries.

-- All webhooks by name.
-- name: all
SELECT * FROM webhooks ORDER BY name

-- A new one, or another one under its name. A secret that is not given stays as it was.
-- name: put
INSERT INTO webhooks (name, url, secret, kind, states, held, created_by)
VALUES (%(name)s, %(url)s, coalesce(%(secret)s, %(fresh)s), %(kind)s, %(states)s, %(held)s, %(created_by)s)
ON CONFLICT (name) DO UPDATE SET url = excluded.url, secret = coalesce(%(secret)s, webhooks.secret), kind = excluded.kind,
    states = excluded.states, held = excluded.held
RETURNING *, secret = %(fresh)s AS is_new

-- What waits for a webhook is due at once if it goes to another address now.
-- name: hurry
UPDATE deliveries SET next_at = clock_timestamp()
WHERE webhook = %(webhook)s AND state = 'waiting'
    AND EXISTS (SELECT FROM webhooks WHERE name = %(webhook)s AND url <> %(url)s)

-- It is no more, and what was on its way to it is given up.
-- name: delete
WITH gone AS (DELETE FROM webhooks WHERE name = %(name)s RETURNING name)
UPDATE deliveries SET state = 'given up', error = 'the webhook was dropped', ended_at = now()
WHERE webhook IN (SELECT name FROM gone) AND state = 'waiting'

-- The latest deliveries of one, newest first.
-- name: deliveries
SELECT * FROM deliveries WHERE webhook = %(webhook)s ORDER BY id DESC LIMIT %(limit)s::int

-- One that is due is this caller's for a while: it comes again if nobody says what became of it.
-- name: take
UPDATE deliveries d SET tries = tries + 1, next_at = clock_timestamp() + make_interval(secs => %(lease)s)
FROM webhooks w
WHERE w.name = d.webhook AND d.id = (
    SELECT id FROM deliveries WHERE state = 'waiting' AND next_at <= clock_timestamp()
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING d.*, w.url, w.secret

-- It has arrived.
-- name: delivered
UPDATE deliveries SET state = 'delivered', status = %(status)s::int, error = NULL, ended_at = clock_timestamp()
WHERE id = %(id)s AND tries = %(tries)s::int AND state = 'waiting'

-- It has not: it comes again after a while, or is given up.
-- name: failed
UPDATE deliveries SET status = %(status)s::int, error = %(error)s,
    next_at = clock_timestamp() + make_interval(secs => coalesce(%(delay)s::float8, 0)),
    state = CASE WHEN %(delay)s::float8 IS NULL THEN 'given up' ELSE state END,
    ended_at = CASE WHEN %(delay)s::float8 IS NULL THEN clock_timestamp() END
WHERE id = %(id)s AND tries = %(tries)s::int AND state = 'waiting'

-- What ended long ago.
-- name: forget
DELETE FROM deliveries WHERE ended_at < now() - make_interval(secs => %(seconds)s)

-- The name of a task's file in what was told of it.
-- name: forget_label
UPDATE deliveries SET body = body || '{"label": null}' WHERE task = %(task)s
