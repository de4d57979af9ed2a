-- Uploads of which a part is here.

-- A file is announced; nothing of it is here yet.
-- name: insert
INSERT INTO unfinished_uploads (id, name, path, size, metadata, created_by, expires_at)
VALUES (%(id)s, %(name)s, %(path)s, %(size)s::bigint, %(metadata)s, %(created_by)s,
    clock_timestamp() + make_interval(secs => %(seconds)s)) RETURNING *

-- One unfinished upload.
-- name: get
SELECT * FROM unfinished_uploads WHERE id = %(id)s

-- A request is going to send what follows `received`; whoever wrote before it no longer counts.
-- name: claim
UPDATE unfinished_uploads
SET attempt = attempt + 1, expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND received = %(received)s::bigint RETURNING *

-- So much is on the disk for good, if it is still this attempt that writes.
-- name: advance
UPDATE unfinished_uploads
SET received = %(received)s::bigint, expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE id = %(id)s AND attempt = %(attempt)s RETURNING *

-- All of it is here: the row is about to become one of `uploads`.
-- name: complete
DELETE FROM unfinished_uploads WHERE id = %(id)s AND attempt = %(attempt)s AND received = size RETURNING *

-- It is given up.
-- name: delete
DELETE FROM unfinished_uploads WHERE id = %(id)s

-- Those that have waited too long for their next bytes are given up.
-- name: expire
DELETE FROM unfinished_uploads WHERE expires_at < clock_timestamp() RETURNING *
