-- People who log in by a provider (OpenID Connect): each has a row among the tokens, without a secret. `subject` is theirs for good:
-- the provider's address and their number there. Null for a token.
ALTER TABLE tokens ADD COLUMN subject text;
-- The table is small: the index is made at once, in the migration's transaction.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX tokens_by_subject ON tokens (subject) WHERE revoked_at IS NULL;
