-- Imports by key: what a merge stands on. Tables themselves are made in merging.py.

-- The batches that readers of a dataset see, oldest first, each with its tables and the number of its last row.
-- name: base
SELECT b.id, b.columns, array_agg(p.relation ORDER BY p.id) AS relations,
    coalesce((SELECT max(c.last_row) FROM chunks c WHERE c.batch = b.id AND c.good > 0), 0) AS last_row
FROM batches b JOIN parts p ON p.batch = b.id AND p.attached
WHERE b.dataset = %(dataset)s
GROUP BY b.id ORDER BY b.publish_no

-- A batch holds only for those who see these batches, and has these columns.
-- name: stand_on
UPDATE batches SET base = %(base)s::bigint[], columns = %(columns)s WHERE id = %(id)s

-- The part of a merged batch, and the batch's columns.
-- name: part
SELECT p.id, p.relation, b.columns FROM batches b JOIN parts p ON p.batch = b.id WHERE b.id = %(id)s ORDER BY p.id LIMIT 1

-- Whether an older batch of the dataset is being merged by a task that runs.
-- name: older_at_work
SELECT true AS found FROM batches b JOIN tasks t ON t.id = b.task
WHERE b.dataset = %(dataset)s AND b.state = 'staged' AND b.base IS NOT NULL AND b.id < %(id)s
  AND t.state = 'running' AND t.lease_until IS NOT NULL
LIMIT 1
