-- What tasks do outside the database: each thing is written down before it is done, so that it can be taken back.

CREATE TABLE effects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task uuid NOT NULL,
    item text NOT NULL, -- with the task's id it is the idempotency key of the call
    record jsonb NOT NULL,
    known boolean NOT NULL DEFAULT false, -- it happened, and `answer` is what came back
    answer jsonb,
    state text NOT NULL DEFAULT 'standing' CHECK (state IN ('standing', 'reversed', 'left')),
    tries integer NOT NULL DEFAULT 0, -- to take it back
    again_at timestamptz,
    reason text,
    attempt integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (task, item)
);
-- The next ones to take back, latest first.
CREATE INDEX effects_standing ON effects (task, id DESC) WHERE state = 'standing';
