-- How many lines a chunk has, so that an import goes on behind chunks that were committed ahead of its checkpoint.
ALTER TABLE chunks ADD COLUMN lines bigint NOT NULL DEFAULT 0;
