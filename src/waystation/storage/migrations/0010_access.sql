-- Who may come in: tokens (only their hashes), what is for certain groups only, logins of the page, and the key of signed links.

-- A row is never deleted: that a token was ever made is what closes the door.
CREATE TABLE tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'manager', 'admin')),
    groups text[] NOT NULL DEFAULT '{}',
    hash bytea NOT NULL UNIQUE,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);
-- A name is one token's at a time; a revoked one makes room for its successor.
CREATE UNIQUE INDEX tokens_by_name ON tokens (name) WHERE revoked_at IS NULL;

CREATE TABLE restrictions (
    scope text NOT NULL CHECK (scope IN ('kind', 'dataset')),
    name text NOT NULL,
    groups text[] NOT NULL,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, name)
);

-- A login of the page, by the hash of its cookie. `token` is null for the token that the settings name.
CREATE TABLE sessions (
    hash bytea PRIMARY KEY,
    token bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- What this installation signs with; made by the first process that needs it.
CREATE TABLE keys (
    name text PRIMARY KEY,
    key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
