-- Files that people sent, and which task holds each.

-- A file is in.
-- name: insert
INSERT INTO uploads (id, name, path, size, sha256, created_by, metadata)
VALUES (%(id)s, %(name)s, %(path)s, %(size)s::bigint, %(sha256)s, %(created_by)s, %(metadata)s) RETURNING *

-- One upload.
-- name: get
SELECT * FROM uploads WHERE id = %(id)s

-- A task takes an upload; it lets it go when it ends in nothing.
-- name: hold
UPDATE uploads SET task = %(task)s WHERE id = %(id)s AND (task IS NULL OR task = %(task)s) RETURNING *

-- The uploads of a task.
-- name: of_task
SELECT * FROM uploads WHERE task = %(task)s

-- Forget an upload, unless somebody took it meanwhile.
-- name: delete
DELETE FROM uploads WHERE id = %(id)s AND task IS NOT DISTINCT FROM %(task)s

-- Uploads that no task took in time, and those of tasks that ended in nothing.
-- name: abandoned
SELECT u.* FROM uploads u LEFT JOIN tasks t ON t.id = u.task
WHERE (u.task IS NULL AND u.created_at < clock_timestamp() - make_interval(secs => %(seconds)s))
   OR t.state IN ('stopped', 'terminated', 'undone')
   OR (t.ended_at < clock_timestamp() - make_interval(secs => %(retention)s))
LIMIT 100
