-- Sums for whoever watches: how many tasks of a kind are in a state, what happened how often, how long pauses and stops took.
-- Counting them anew would read every task; the reaper adds up what is new instead.

CREATE TABLE tallies (
    name text NOT NULL, -- tasks, events, readopted, pause, stop
    kind text NOT NULL,
    key text NOT NULL, -- a state, an event, or the upper bound of a histogram's bucket in seconds ('sum' for their sum)
    number double precision NOT NULL,
    PRIMARY KEY (name, kind, key)
);

-- Up to which event the timeline is added up.
CREATE TABLE tallied (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    events bigint NOT NULL
);

-- What is not added up yet: a task more, or one less, in a state.
CREATE TABLE task_moves (
    kind text NOT NULL,
    state text NOT NULL,
    number smallint NOT NULL
);

CREATE FUNCTION note_moves() RETURNS trigger
LANGUAGE plpgsql SET search_path = waystation, pg_catalog AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO task_moves VALUES (OLD.kind, OLD.state, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO task_moves VALUES (NEW.kind, NEW.state, 1);
    END IF;
    RETURN NULL;
END $$;

-- The triggers' lock keeps writers out until this transaction ends, so that what stands here and what they note is everything.
CREATE TRIGGER tasks_counted AFTER INSERT OR DELETE ON tasks
FOR EACH ROW EXECUTE FUNCTION note_moves();
CREATE TRIGGER tasks_moved AFTER UPDATE OF state ON tasks
FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION note_moves();

INSERT INTO tallies (name, kind, key, number) SELECT 'tasks', kind, state, count(*) FROM tasks GROUP BY kind, state;
-- Counters begin with what happens from now on.
INSERT INTO tallied (events) SELECT coalesce(max(id), 0) FROM events;
