-- Tokens, what is for certain groups only, and logins. Secrets come in as their hashes, and never leave.

-- A new token; nothing when a token in force has its name.
-- name: insert
INSERT INTO tokens (name, role, groups, hash, created_by, expires_at)
VALUES (%(name)s, %(role)s, %(groups)s, %(hash)s, %(created_by)s, clock_timestamp() + make_interval(secs => %(seconds)s::float8))
ON CONFLICT DO NOTHING
RETURNING *

-- Somebody whom the login provider vouches for: the row they have, brought up to date, or a new one; nothing when a token in force
-- has the name of a newcomer.
-- name: enter
WITH known AS (
    UPDATE tokens SET name = %(name)s, role = %(role)s, groups = %(groups)s, used_at = clock_timestamp()
    WHERE subject = %(subject)s AND revoked_at IS NULL
    RETURNING *
), made AS (
    INSERT INTO tokens (name, role, groups, hash, created_by, subject, used_at)
    SELECT %(name)s, %(role)s, %(groups)s::text[], %(hash)s, %(created_by)s, %(subject)s, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM known)
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT * FROM known UNION ALL SELECT * FROM made

-- All tokens, those in force first, then by name.
-- name: all
SELECT * FROM tokens ORDER BY revoked_at IS NOT NULL, name, id DESC

-- No request is answered to it any more.
-- name: revoke
UPDATE tokens SET revoked_at = clock_timestamp(), revoked_by = %(revoked_by)s
WHERE name = %(name)s AND revoked_at IS NULL RETURNING *

-- The token in force whose secret this is the hash of.
-- name: by_hash
SELECT * FROM tokens
WHERE hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())

-- A token in force, by its number.
-- name: by_id
SELECT * FROM tokens
WHERE id = %(id)s::bigint AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())

-- It was used; noted once an hour at most, so that reading costs no writing.
-- name: used
UPDATE tokens SET used_at = clock_timestamp()
WHERE id = %(id)s::bigint AND (used_at IS NULL OR used_at < clock_timestamp() - interval '1 hour')

-- Whether a token was ever made, in force or not.
-- name: ever
SELECT EXISTS (SELECT FROM tokens) AS ever

-- What is for certain groups only.
-- name: restrictions
SELECT scope, name, groups FROM restrictions ORDER BY scope, name

-- A kind or a dataset is for these groups from now on.
-- name: restrict
INSERT INTO restrictions (scope, name, groups, set_by) VALUES (%(scope)s, %(name)s, %(groups)s, %(set_by)s)
ON CONFLICT (scope, name) DO UPDATE SET groups = excluded.groups, set_by = excluded.set_by, set_at = clock_timestamp()

-- It is for everybody again.
-- name: unrestrict
DELETE FROM restrictions WHERE scope = %(scope)s AND name = %(name)s

-- Somebody has logged in.
-- name: log_in
INSERT INTO sessions (hash, token, expires_at)
VALUES (%(hash)s, %(token)s::bigint, clock_timestamp() + make_interval(secs => %(seconds)s::float8))

-- A login that has not run out.
-- name: session
SELECT token FROM sessions WHERE hash = %(hash)s AND expires_at > clock_timestamp()

-- A login ends.
-- name: log_out
DELETE FROM sessions WHERE hash = %(hash)s

-- Logins that have run out are forgotten.
-- name: forget_sessions
DELETE FROM sessions WHERE expires_at < clock_timestamp()

-- A key of this installation: the first that is put stays.
-- name: key
WITH made AS (
    INSERT INTO keys (name, key) VALUES (%(name)s, %(key)s) ON CONFLICT DO NOTHING RETURNING key
)
SELECT key FROM made UNION ALL SELECT key FROM keys WHERE name = %(name)s LIMIT 1

-- The token that somebody of this name has, or had last, and whether it is in force.
-- name: of_name
SELECT *, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS in_force
FROM tokens WHERE name = %(name)s ORDER BY revoked_at IS NULL DESC, id DESC LIMIT 1
