-- Who is told when tasks end, and what is on its way to them.
CREATE TABLE webhooks (
    name text PRIMARY KEY,
    url text NOT NULL,
    secret text NOT NULL, -- what deliveries are signed with
    kind text, -- of this kind only
    states text[] NOT NULL,
    held boolean NOT NULL DEFAULT false,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook text NOT NULL,
    task uuid NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given up')),
    tries integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    status integer, -- of the last answer
    error text, -- of the last try
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_of_webhook ON deliveries (webhook, id DESC);
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- A delivery is noted in the transaction that ends the task, whoever makes it: none is lost, and none is made up.
CREATE FUNCTION note_deliveries() RETURNS trigger
LANGUAGE plpgsql SET search_path = waystation, pg_catalog AS $$
BEGIN
    INSERT INTO deliveries (webhook, task, body)
    SELECT w.name, NEW.id, jsonb_build_object(
        'event', NEW.state, 'task_id', NEW.id, 'kind', NEW.kind, 'label', NEW.label, 'dataset', NEW.dataset,
        'created_by', NEW.created_by, 'created_at', NEW.created_at, 'ended_at', NEW.ended_at,
        'done', NEW.done, 'total', NEW.total, 'unit', NEW.unit, 'counts', NEW.counts,
        'error', CASE WHEN NEW.state = 'failed' THEN jsonb_build_object('code', NEW.error ->> 'code', 'detail', NEW.error ->> 'detail') END
    )
    FROM webhooks w
    WHERE NEW.state = ANY (w.states) AND (w.kind IS NULL OR w.kind = NEW.kind) AND NOT w.held;
    RETURN NULL;
END $$;

CREATE TRIGGER tasks_ended AFTER UPDATE OF state ON tasks
FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL AND OLD.state IS DISTINCT FROM NEW.state)
EXECUTE FUNCTION note_deliveries();
