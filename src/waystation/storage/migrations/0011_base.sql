-- The batches that readers saw when a batch was merged with them by key: it holds for no others. Null: it stands by itself.
ALTER TABLE batches ADD COLUMN base bigint[];
