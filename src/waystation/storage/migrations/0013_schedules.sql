-- What is started again and again. Kind and parameters were checked when the schedule was made, and stand here as its tasks get them.
CREATE TABLE schedules (
    name text PRIMARY KEY,
    kind text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    params jsonb NOT NULL,
    secrets jsonb,
    dataset text,
    undoable boolean NOT NULL,
    unit text NOT NULL,
    unique_key text,
    cron text NOT NULL,
    zone text NOT NULL,
    missed text NOT NULL CHECK (missed IN ('one', 'skip', 'all')),
    overlap boolean NOT NULL,
    held boolean NOT NULL DEFAULT false,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    next_at timestamptz NOT NULL,
    last_at timestamptz, -- the due time that a task was last started for
    last_task uuid,
    note text -- why no task was started at the last due time
);
-- What is due.
CREATE INDEX schedules_due ON schedules (next_at) WHERE NOT held;
