-- Workers and their signs of life.

-- Here I am.
-- name: announce
INSERT INTO workers (id, host, pid, slots, draining) VALUES (%(id)s, %(host)s, %(pid)s, %(slots)s, %(draining)s)
ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp(), slots = excluded.slots, draining = excluded.draining

-- I am gone.
-- name: leave
DELETE FROM workers WHERE id = %(id)s

-- Who is there, and how busy.
-- name: living
SELECT w.id, w.host, w.pid, w.slots, w.seen_at, w.draining, count(t.seq)::int AS busy
FROM workers w LEFT JOIN tasks t ON t.worker = w.id AND t.lease_until IS NOT NULL
WHERE w.seen_at > clock_timestamp() - make_interval(secs => %(within)s)
GROUP BY w.id ORDER BY w.id

-- Those who left without a word.
-- name: forget
DELETE FROM workers WHERE seen_at < clock_timestamp() - make_interval(secs => %(seconds)s)
