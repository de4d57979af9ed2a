-- Which file a batch was made of, so that the same one is noticed when it comes again; the upload itself goes sooner.

ALTER TABLE batches ADD COLUMN sha256 text;
UPDATE batches SET sha256 = u.sha256 FROM uploads u WHERE u.task = batches.task;

-- Uploads are kept for days: there are few, and the index is made in a moment.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX uploads_by_hash ON uploads (sha256);
