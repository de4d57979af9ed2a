-- How many rows of a chunk were rejected for which reason.
ALTER TABLE chunks ADD COLUMN reasons jsonb NOT NULL DEFAULT '{}';
