-- The first schema: tasks and their timeline, workers, uploads, datasets with their batches and the ledger of chunks.
-- Three schemas: `waystation` (this table of contents), `datasets` (what readers query), `parts` (partitions, staged tables, rejects).

CREATE SCHEMA IF NOT EXISTS datasets;
CREATE SCHEMA IF NOT EXISTS parts;

CREATE TABLE tasks (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    kind text NOT NULL,
    queue text NOT NULL DEFAULT 'default',
    priority smallint NOT NULL DEFAULT 0,
    params jsonb NOT NULL,
    dataset text,
    state text NOT NULL CHECK (state IN (
        'queued', 'running', 'paused', 'reverting', 'succeeded', 'failed', 'stopped', 'terminated', 'undone'
    )),
    wish text CHECK (wish IN ('pause', 'stop', 'terminate')),
    goal text CHECK (goal IN ('stopped', 'terminated', 'undone')),
    undoable boolean NOT NULL DEFAULT false,
    attempt integer NOT NULL DEFAULT 0,
    crashes integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    cursor jsonb,
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    unit text NOT NULL DEFAULT 'steps',
    phase text,
    rate double precision,
    revert_cursor jsonb,
    revert_done bigint NOT NULL DEFAULT 0,
    revert_total bigint,
    files jsonb NOT NULL DEFAULT '{}',
    counts jsonb NOT NULL DEFAULT '{}',
    result jsonb,
    error jsonb,
    leftovers jsonb NOT NULL DEFAULT '[]',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    run_at timestamptz NOT NULL DEFAULT now(),
    running_since timestamptz,
    active double precision NOT NULL DEFAULT 0,
    lease_until timestamptz,
    worker text,
    message text,
    version bigint NOT NULL DEFAULT 0,
    idempotency_key text UNIQUE,
    request_hash text,
    CHECK ((ended_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'stopped', 'terminated', 'undone'))),
    CHECK (lease_until IS NULL OR state IN ('running', 'reverting')),
    CHECK (state <> 'running' OR lease_until IS NOT NULL),
    CHECK (state <> 'reverting' OR goal IS NOT NULL),
    CHECK (wish IS NULL OR state IN ('running', 'reverting'))
);

-- Claims: what waits, best first.
CREATE INDEX tasks_waiting ON tasks (queue, created_by, priority DESC, run_at) WHERE state = 'queued';
CREATE INDEX tasks_to_revert ON tasks (queue, run_at) WHERE state = 'reverting';
-- Rescue: leases by the time they run out.
CREATE INDEX tasks_leased ON tasks (lease_until) WHERE lease_until IS NOT NULL;
-- Lists, newest first, by their commonest filters.
CREATE INDEX tasks_by_state ON tasks (state, seq DESC);
CREATE INDEX tasks_by_kind ON tasks (kind, seq DESC);
CREATE INDEX tasks_by_dataset ON tasks (dataset, seq DESC);
CREATE INDEX tasks_by_actor ON tasks (created_by, seq DESC);
-- The live stream: what changed since.
CREATE INDEX tasks_changed ON tasks (updated_at);
-- Retention: what has something to let go of.
CREATE INDEX tasks_expiring ON tasks (ended_at) WHERE state = 'failed' OR (state = 'succeeded' AND result ? 'expires');
-- Lists by a status that is a wish.
CREATE INDEX tasks_wished ON tasks (seq DESC) WHERE wish IS NOT NULL;

-- What an operator wants: no more than so many at a time, or none for now, of a kind, a dataset or a queue.
CREATE TABLE limits (
    scope text NOT NULL CHECK (scope IN ('kind', 'dataset', 'queue')),
    name text NOT NULL,
    running integer CHECK (running >= 0),
    held boolean NOT NULL DEFAULT false,
    reason text,
    set_by text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, name)
);

-- Whether a task of these may begin now, by the limits.
CREATE FUNCTION within_limits(a_kind text, a_dataset text, a_queue text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = waystation, pg_catalog AS $$
    SELECT NOT EXISTS (
        SELECT FROM limits l
        WHERE ((l.scope = 'kind' AND l.name = a_kind)
            OR (l.scope = 'dataset' AND l.name = a_dataset)
            OR (l.scope = 'queue' AND l.name = a_queue))
          AND (l.held OR l.running <= (
            SELECT count(*) FROM tasks r
            WHERE r.lease_until IS NOT NULL AND r.state = 'running'
              AND CASE l.scope WHEN 'kind' THEN r.kind WHEN 'dataset' THEN r.dataset ELSE r.queue END = l.name
          ))
    )
$$;

-- What could be claimed now. A revert waits for no limit: it is the way out. The two halves use the two partial indexes.
CREATE VIEW claimable AS
SELECT t.seq, t.queue, t.state, t.priority, t.run_at, t.created_by
FROM tasks t
WHERE t.state = 'reverting' AND t.lease_until IS NULL AND t.run_at <= clock_timestamp()
UNION ALL
SELECT t.seq, t.queue, t.state, t.priority, t.run_at, t.created_by
FROM tasks t
WHERE t.state = 'queued' AND t.run_at <= clock_timestamp() AND within_limits(t.kind, t.dataset, t.queue);

CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    event text NOT NULL,
    actor text NOT NULL,
    reason text,
    attempt integer NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_of_task ON events (task, id);

CREATE TABLE workers (
    id text PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    slots integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    draining boolean NOT NULL DEFAULT false
);

CREATE TABLE uploads (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    path text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    task uuid
);
CREATE INDEX uploads_of_task ON uploads (task);

CREATE TABLE datasets (
    name text PRIMARY KEY,
    columns jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text NOT NULL,
    task uuid NOT NULL UNIQUE,
    mode text NOT NULL CHECK (mode IN ('append', 'replace', 'dry_run')),
    state text NOT NULL DEFAULT 'staged' CHECK (state IN ('staged', 'checked', 'published', 'undone', 'dropped')),
    columns jsonb NOT NULL,
    header jsonb NOT NULL DEFAULT '[]',
    rows bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    publish_no bigint,
    undone_at timestamptz
);
CREATE INDEX batches_of_dataset ON batches (dataset, publish_no);
CREATE INDEX batches_to_drop ON batches (id) WHERE state = 'undone';
CREATE SEQUENCE publish_numbers;

-- A batch lies in one or more partitions; a part's id is the value of `_batch` in its rows.
CREATE TABLE parts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch bigint NOT NULL REFERENCES batches (id),
    relation text NOT NULL,
    attached boolean NOT NULL DEFAULT false
);
CREATE INDEX parts_of_batch ON parts (batch);

-- The ledger: which bytes of the file became which rows. `_row` is the record's number in its file, so that
-- first_row..last_row of a chunk, read in order of `_row`, is the file's own order wherever the rows lie.
CREATE TABLE chunks (
    batch bigint NOT NULL REFERENCES batches (id),
    start_offset bigint NOT NULL,
    end_offset bigint NOT NULL,
    part bigint NOT NULL,
    first_row bigint NOT NULL,
    last_row bigint NOT NULL,
    line bigint NOT NULL,
    good bigint NOT NULL,
    bad bigint NOT NULL,
    zones jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (batch, start_offset)
);

-- An unfinished export pins the batches that it listed: they are not dropped while it reads.
CREATE TABLE pins (
    task uuid NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (task, batch)
);
CREATE INDEX pins_of_batch ON pins (batch);
