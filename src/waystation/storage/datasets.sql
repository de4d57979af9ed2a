-- Datasets, batches, parts and the ledger of chunks. Tables themselves are made in datasets.py.

-- Publish, undo and replace of one dataset happen one after the other.
-- name: lock
SELECT pg_advisory_xact_lock(%(key)s::int, hashtext(%(name)s))

-- One dataset, with what its visible batches hold.
-- name: get
SELECT d.name, d.columns, d.created_at, d.updated_at,
    coalesce(sum(b.rows), 0)::bigint AS rows, count(b.id) AS batches
FROM datasets d LEFT JOIN batches b ON b.dataset = d.name AND EXISTS (
    SELECT FROM parts p WHERE p.batch = b.id AND p.attached
)
WHERE d.name = %(name)s
GROUP BY d.name

-- All datasets.
-- name: all
SELECT d.name, d.columns, d.created_at, d.updated_at,
    coalesce(sum(b.rows), 0)::bigint AS rows, count(b.id) AS batches
FROM datasets d LEFT JOIN batches b ON b.dataset = d.name AND EXISTS (
    SELECT FROM parts p WHERE p.batch = b.id AND p.attached
)
GROUP BY d.name ORDER BY d.name

-- A dataset is there from its first publish on.
-- name: put
INSERT INTO datasets (name, columns) VALUES (%(name)s, %(columns)s)
ON CONFLICT (name) DO UPDATE SET columns = excluded.columns, updated_at = clock_timestamp()

-- The batches of a dataset, latest published first.
-- name: batches
SELECT b.*, t.created_by, t.label, EXISTS (SELECT FROM parts p WHERE p.batch = b.id AND p.attached) AS visible
FROM batches b JOIN tasks t ON t.id = b.task
WHERE b.dataset = %(name)s AND b.mode <> 'dry_run'
ORDER BY b.publish_no DESC NULLS FIRST, b.id DESC

-- The batch that a task made, with its rows so far, and who reads it.
-- name: held_by
SELECT b.*, t.created_by, t.label, EXISTS (SELECT FROM parts p WHERE p.batch = b.id AND p.attached) AS visible,
    (SELECT coalesce(sum(c.good), 0)::bigint FROM chunks c WHERE c.batch = b.id) AS rows_so_far,
    (SELECT count(*) FROM pins WHERE pins.batch = b.id) AS readers
FROM batches b JOIN tasks t ON t.id = b.task WHERE b.task = %(task)s

-- Bytes on the disk of what readers see of a dataset.
-- name: size
SELECT coalesce(sum(pg_total_relation_size(to_regclass('parts.' || quote_ident(p.relation)))), 0)::bigint AS bytes
FROM parts p JOIN batches b ON b.id = p.batch WHERE b.dataset = %(name)s AND p.attached

-- What readers would see of a dataset if one of its batches were not there.
-- name: without
WITH live AS (
    SELECT id, publish_no, mode, rows FROM batches
    WHERE dataset = %(name)s AND state = 'published' AND id <> %(batch)s::bigint
), first AS (
    SELECT coalesce(max(publish_no) FILTER (WHERE mode = 'replace'), 0) AS publish_no FROM live
)
SELECT count(*) AS batches, coalesce(sum(live.rows), 0)::bigint AS rows FROM live, first
WHERE live.publish_no >= first.publish_no

-- Which parts readers should see, and which they do: visible are the batches not undone, from the last replace on.
-- name: visibility
WITH live AS (
    SELECT id, publish_no, mode FROM batches WHERE dataset = %(name)s AND state = 'published'
), first AS (
    SELECT coalesce(max(publish_no) FILTER (WHERE mode = 'replace'), 0) AS publish_no FROM live
)
SELECT p.id, p.batch, p.relation, p.attached, coalesce(l.publish_no >= first.publish_no, false) AS wanted
FROM parts p JOIN batches b ON b.id = p.batch LEFT JOIN live l ON l.id = b.id CROSS JOIN first
WHERE b.dataset = %(name)s AND (p.attached OR l.id IS NOT NULL)
ORDER BY l.publish_no, p.id

-- The batches that readers see, oldest first.
-- name: visible
SELECT b.id FROM batches b
WHERE b.dataset = %(name)s AND EXISTS (SELECT FROM parts p WHERE p.batch = b.id AND p.attached)
ORDER BY b.publish_no

-- A part is now attached, or detached.
-- name: attached
UPDATE parts SET attached = %(attached)s WHERE id = %(id)s

-- How many batches of a dataset are published and not undone.
-- name: live
SELECT count(*) AS number FROM batches WHERE dataset = %(name)s AND state = 'published'

-- A staged batch is now published.
-- name: publish
UPDATE batches SET state = 'published', published_at = clock_timestamp(), publish_no = nextval('publish_numbers'),
    columns = %(columns)s, rows = (SELECT coalesce(sum(good), 0) FROM chunks WHERE batch = %(id)s)
WHERE id = %(id)s AND state = 'staged'

-- A published batch is now undone; its tables go when nobody reads them any more.
-- name: undo
UPDATE batches SET state = 'undone', undone_at = clock_timestamp() WHERE id = %(id)s AND state = 'published'

-- A batch's tables are gone; those of a dry run but for its rejects ('checked').
-- name: dropped
UPDATE batches SET state = %(state)s WHERE id = %(id)s

-- The ledger and the parts of a batch that is gone.
-- name: forget
WITH gone AS (DELETE FROM chunks WHERE batch = %(id)s) DELETE FROM parts WHERE batch = %(id)s

-- Batches to drop: undone ones that no unfinished export reads, and staged ones whose task is over or is not there.
-- name: unread
SELECT b.id FROM batches b WHERE b.state = 'undone' AND NOT EXISTS (SELECT FROM pins WHERE pins.batch = b.id)
UNION ALL
SELECT b.id FROM batches b LEFT JOIN tasks t ON t.id = b.task
WHERE b.state IN ('staged', 'checked') AND (t.id IS NULL OR t.state IN ('stopped', 'terminated', 'undone'))

-- Is this batch read by an unfinished export?
-- name: pinned
SELECT true AS pinned FROM pins WHERE batch = %(id)s LIMIT 1

-- An export has ended.
-- name: unpin
DELETE FROM pins WHERE task = %(task)s
