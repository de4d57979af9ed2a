-- Secrets among a task's parameters, by their places; `params` holds stars instead.

ALTER TABLE tasks ADD COLUMN secrets jsonb;
