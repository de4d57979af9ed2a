-- Effects outside the database, as their tasks remember them.

-- Write effects down before they happen; those that an earlier attempt wrote down come back with what is known of them.
-- name: remember
INSERT INTO effects (task, item, record, attempt)
SELECT %(task)s::uuid, new.item, new.record, %(attempt)s::int
FROM unnest(%(items)s::text[], %(records)s::jsonb[]) WITH ORDINALITY AS new (item, record, place)
ORDER BY new.place
ON CONFLICT (task, item) DO UPDATE SET attempt = excluded.attempt
RETURNING item, record, known, answer

-- What came back from effects that have happened.
-- name: keep
UPDATE effects SET known = true, answer = kept.answer
FROM unnest(%(items)s::text[], %(answers)s::jsonb[]) AS kept (item, answer)
WHERE effects.task = %(task)s AND effects.item = kept.item

-- The last statement before a commit that is no checkpoint: it holds only while the attempt has its task.
-- (A lock that a foreign key takes, or KEY SHARE, would not keep the row as it is.)
-- name: fence
SELECT attempt FROM tasks WHERE id = %(task)s AND attempt = %(attempt)s AND state = 'running' FOR SHARE

-- The latest effects that stand and may be tried now.
-- name: latest
SELECT * FROM effects
WHERE task = %(task)s AND state = 'standing' AND (again_at IS NULL OR again_at <= clock_timestamp())
ORDER BY id DESC LIMIT %(limit)s::int

-- How far the taking back is: in all, still standing, taken back, left; and the seconds until the next may be tried again.
-- name: tally
SELECT count(*) AS total,
    count(*) FILTER (WHERE state = 'standing') AS standing,
    count(*) FILTER (WHERE state = 'reversed') AS reversed,
    count(*) FILTER (WHERE state = 'left') AS "left",
    extract(epoch FROM min(again_at) FILTER (WHERE state = 'standing') - clock_timestamp())::float8 AS wait
FROM effects WHERE task = %(task)s

-- This one is taken back.
-- name: mark_reversed
UPDATE effects SET state = 'reversed' WHERE id = %(id)s::bigint

-- This one could not be taken back: again later, or never (no delay).
-- name: mark_failed
UPDATE effects SET tries = %(tries)s::int, reason = %(reason)s,
    state = CASE WHEN %(delay)s::float8 IS NULL THEN 'left' ELSE 'standing' END,
    again_at = clock_timestamp() + make_interval(secs => %(delay)s::float8)
WHERE id = %(id)s::bigint

-- What is not taken back, latest first.
-- name: untaken
SELECT * FROM effects WHERE task = %(task)s AND state <> 'reversed' ORDER BY id DESC LIMIT %(limit)s::int

-- What was left is tried anew: the task is to be undone after all.
-- name: stand_again
UPDATE effects SET state = 'standing', tries = 0, again_at = NULL WHERE task = %(task)s AND state = 'left'

-- Nobody asks any more for what was taken back.
-- name: forget
DELETE FROM effects WHERE task = %(task)s AND state = 'reversed'
