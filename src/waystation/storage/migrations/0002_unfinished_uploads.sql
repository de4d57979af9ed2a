-- Uploads that come in pieces: how far each is, and what its client said of it. A finished one is a row of `uploads` alone.

ALTER TABLE uploads ADD COLUMN metadata text;

CREATE TABLE unfinished_uploads (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    path text NOT NULL,
    size bigint NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    metadata text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CHECK (received BETWEEN 0 AND size)
);
CREATE INDEX unfinished_uploads_expiring ON unfinished_uploads (expires_at);
