-- Kinds whose tasks must not meet: no two unfinished tasks of a kind may have the same key.

ALTER TABLE tasks ADD COLUMN unique_key text;

-- No row has a key yet: the index is empty, and made in the time of one scan.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX tasks_under_way ON tasks (kind, unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('queued', 'running', 'paused', 'reverting');
