-- A task may wait until another one has succeeded; the reaper lets it begin, or stops it when the other one never will.
ALTER TABLE tasks ADD COLUMN waits_for uuid;

-- No row waits yet: the index is empty, and made in the time of one scan.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX tasks_waiting_for ON tasks (waits_for) WHERE waits_for IS NOT NULL;

CREATE OR REPLACE VIEW claimable AS
SELECT t.seq, t.queue, t.state, t.priority, t.run_at, t.created_by
FROM tasks t
WHERE t.state = 'reverting' AND t.lease_until IS NULL AND t.run_at <= clock_timestamp()
UNION ALL
SELECT t.seq, t.queue, t.state, t.priority, t.run_at, t.created_by
FROM tasks t
WHERE t.state = 'queued' AND t.run_at <= clock_timestamp() AND t.waits_for IS NULL
  AND within_limits(t.kind, t.dataset, t.queue);
