-- Who did what: the audit. Rows are only ever added; what is old enough is let go of by retention, and by nothing else.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    act text NOT NULL,
    about text, -- the name of what it was done to, or a task's kind
    task uuid,
    dataset text,
    reason text,
    data jsonb NOT NULL DEFAULT '{}'
);
-- Pages, newest first, by their commonest filters; and retention.
CREATE INDEX audit_by_actor ON audit (actor, id DESC);
CREATE INDEX audit_by_act ON audit (act, id DESC);
CREATE INDEX audit_of_task ON audit (task, id DESC) WHERE task IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);

-- A row changes never. It goes only where retention says that it is retention, and never within its first day.
CREATE FUNCTION keep_audit() RETURNS trigger
LANGUAGE plpgsql SET search_path = waystation, pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('waystation.retention', true) = 'on' THEN
        IF OLD.at < clock_timestamp() - interval '1 day' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'rows of the audit are only ever added (%)', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'WAYSTATION_AUDIT_DAYS says how long they are kept.';
END $$;

CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER audit_kept_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
