-- Every query on tasks and their timeline. A write to a task is ONE guarded UPDATE: no row back means that somebody was first.

-- A new task waits; it is claimed once its transaction is committed.
-- name: insert
INSERT INTO tasks (id, kind, queue, priority, params, dataset, state, undoable, unit, unique_key, created_by, idempotency_key,
        request_hash, label, secrets, run_at, waits_for)
VALUES (%(id)s, %(kind)s, %(queue)s, %(priority)s::int, %(params)s, %(dataset)s, 'queued', %(undoable)s, %(unit)s,
        %(unique_key)s, %(created_by)s, %(idempotency_key)s, %(request_hash)s, %(label)s, %(secrets)s,
        coalesce(%(run_at)s::timestamptz, now()), %(waits_for)s::uuid)
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING *

-- One task.
-- name: get
SELECT * FROM tasks WHERE id = %(id)s

-- The task that an Idempotency-Key made, and what was asked then.
-- name: by_key
SELECT * FROM tasks WHERE idempotency_key = %(key)s

-- The unfinished task of a kind that has this key; the states are those of the index.
-- name: under_way
SELECT * FROM tasks
WHERE kind = %(kind)s AND unique_key = %(key)s AND state IN ('queued', 'running', 'paused', 'reverting')

-- Submissions of one file for one dataset are judged one after the other.
-- name: same_file_lock
SELECT pg_advisory_xact_lock(%(key)s::int, hashtext(%(dataset)s || ' ' || %(sha256)s))

-- The latest task with the same file: its batch is one that readers of the dataset see, or it has the upload and has not ended.
-- name: with_same_file
SELECT * FROM tasks t
WHERE t.seq IN (
    SELECT s.seq FROM batches b JOIN tasks s ON s.id = b.task
    WHERE b.dataset = %(dataset)s AND b.sha256 = %(sha256)s AND EXISTS (SELECT FROM parts p WHERE p.batch = b.id AND p.attached)
    UNION ALL
    SELECT s.seq FROM uploads u JOIN tasks s ON s.id = u.task
    WHERE u.sha256 = %(sha256)s AND s.dataset = %(dataset)s AND s.state IN ('queued', 'running', 'paused') AND s.goal IS NULL
)
ORDER BY t.seq DESC LIMIT 1

-- How many tasks wait in a queue, of one person or of all; counted up to a number, since more is all the same.
-- name: waiting
SELECT count(*) AS number FROM (
    SELECT FROM tasks
    WHERE state = 'queued' AND queue = %(queue)s AND (%(actor)s::text IS NULL OR created_by = %(actor)s) LIMIT %(most)s::int
) AS counted

-- The secrets among a task's parameters.
-- name: secrets
SELECT secrets FROM tasks WHERE id = %(id)s

-- The version alone, for whoever waits for a change.
-- name: version
SELECT version FROM tasks WHERE id = %(id)s

-- What somebody asks of a task.
-- name: wish
SELECT wish FROM tasks WHERE id = %(id)s

-- What changed since a moment, oldest change first, for the live stream.
-- name: changed
SELECT * FROM tasks WHERE updated_at > %(since)s ORDER BY updated_at LIMIT %(limit)s::int

-- How many tasks of each state are not done with, for the list's chips.
-- name: open_counts
SELECT state, count(*) AS number FROM tasks WHERE state = ANY(%(states)s) GROUP BY state

-- How far each running task is. The older a task is, the farther apart its samples lie.
-- name: sample
INSERT INTO samples (task, at, attempt, done)
SELECT t.id, clock_timestamp(), t.attempt, t.done
FROM tasks t LEFT JOIN LATERAL (SELECT max(s.at) AS at FROM samples s WHERE s.task = t.id) last ON true
WHERE t.lease_until IS NOT NULL AND t.state = 'running'
  AND coalesce(clock_timestamp() - last.at >= greatest(make_interval(secs => %(least)s), (clock_timestamp() - t.started_at) / %(share)s), true)

-- The samples of a task, oldest first.
-- name: samples
SELECT at, attempt, done FROM samples WHERE task = %(task)s ORDER BY at

-- Samples of tasks that ended long ago.
-- name: forget_samples
DELETE FROM samples WHERE at < clock_timestamp() - make_interval(secs => %(seconds)s)

-- Claims are taken one at a time, so that limits are exact. Whoever stands still with this lock loses it.
-- name: claim_lock
SELECT set_config('idle_in_transaction_session_timeout', (%(patience)s * 1000)::int::text, true),
    pg_advisory_xact_lock(%(key)s::int)

-- The best task that waits: reverts first, then priority, then whoever has least running, then the time since which it
-- waits. The people who wait are found one by one in the index, and of each only the best task: a queue of 200,000 costs
-- no more than one of ten.
-- name: best
WITH RECURSIVE people AS (
    (SELECT min(created_by) AS name FROM tasks WHERE state = 'queued' AND queue = %(queue)s)
    UNION ALL
    SELECT (SELECT min(created_by) FROM tasks WHERE state = 'queued' AND queue = %(queue)s AND created_by > people.name)
    FROM people WHERE people.name IS NOT NULL
), busy AS (
    SELECT created_by, count(*) AS running FROM tasks WHERE lease_until IS NOT NULL GROUP BY created_by
), candidates AS (
    (SELECT seq, attempt, state, priority, run_at, created_by FROM tasks
    WHERE state = 'reverting' AND queue = %(queue)s AND lease_until IS NULL AND run_at <= clock_timestamp()
    ORDER BY run_at LIMIT 1)
    UNION ALL
    SELECT own.* FROM people, LATERAL (
        SELECT seq, attempt, state, priority, run_at, created_by FROM tasks
        WHERE state = 'queued' AND queue = %(queue)s AND created_by = people.name AND run_at <= clock_timestamp()
          AND waits_for IS NULL AND within_limits(kind, dataset, queue)
        ORDER BY priority DESC, run_at LIMIT 1
    ) own
)
SELECT c.seq, c.attempt, c.state
FROM candidates c LEFT JOIN busy ON busy.created_by = c.created_by
ORDER BY c.state = 'reverting' DESC, c.priority DESC, coalesce(busy.running, 0), c.run_at, c.seq
LIMIT 1

-- It becomes this worker's, if it is still as it was seen.
-- name: claim
UPDATE tasks SET
    state = CASE state WHEN 'queued' THEN 'running' ELSE state END,
    attempt = attempt + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
    worker = %(worker)s,
    message = %(message)s,
    started_at = coalesce(started_at, clock_timestamp()),
    running_since = clock_timestamp(),
    updated_at = clock_timestamp(),
    version = version + 1
WHERE seq = %(seq)s AND attempt = %(attempt)s AND state = %(state)s AND lease_until IS NULL
RETURNING *

-- A sign of life between two checkpoints.
-- name: beat
UPDATE tasks SET lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
WHERE id = %(id)s AND attempt = %(attempt)s AND lease_until IS NOT NULL
RETURNING attempt

-- That an attempt holds its task, and nobody takes it before this transaction ends: what a lane says last before it commits.
-- It tells whether somebody asks something of the task, so that a long step can yield early. A weaker lock (FOR KEY SHARE, or a foreign key's) would let the row's holder change meanwhile.
-- name: fence
SELECT wish IS NOT NULL AS asked FROM tasks
WHERE id = %(id)s AND attempt = %(attempt)s AND state = %(state)s AND lease_until IS NOT NULL FOR SHARE

-- The holder's one write: checkpoint, renewal of the lease and, where the wish or the end asks for it, the next state.
-- `seen` is the wish that this write obeys: another one in the row means that somebody asked meanwhile; then nothing is written.
-- name: advance
UPDATE tasks SET
    state = %(to)s,
    wish = NULL,
    goal = %(goal)s,
    cursor = %(cursor)s, done = %(done)s::bigint, total = %(total)s::bigint, unit = %(unit)s, phase = %(phase)s, rate = %(rate)s,
    revert_cursor = %(revert_cursor)s, revert_done = %(revert_done)s::bigint, revert_total = %(revert_total)s::bigint,
    files = %(files)s, counts = %(counts)s, result = %(result)s, error = %(error)s, leftovers = %(leftovers)s,
    crashes = %(crashes)s::int, tries = %(tries)s::int,
    secrets = CASE WHEN %(to)s IN ('stopped', 'undone') THEN NULL ELSE secrets END,
    run_at = CASE WHEN %(delay)s::float8 IS NULL THEN run_at ELSE clock_timestamp() + make_interval(secs => %(delay)s::float8) END,
    lease_until = CASE WHEN %(keep)s THEN clock_timestamp() + make_interval(secs => %(lease)s) END,
    worker = CASE WHEN %(keep)s THEN worker END,
    message = CASE WHEN %(keep)s THEN message END,
    active = active + CASE WHEN %(keep)s THEN 0 ELSE extract(epoch FROM clock_timestamp() - running_since) END,
    running_since = CASE WHEN %(keep)s THEN running_since END,
    ended_at = CASE WHEN %(final)s THEN clock_timestamp() END,
    updated_at = clock_timestamp(),
    version = version + 1
WHERE id = %(id)s AND attempt = %(attempt)s AND state = %(from)s AND lease_until IS NOT NULL
  AND wish IS NOT DISTINCT FROM %(seen)s AND goal IS NOT DISTINCT FROM %(seen_goal)s
RETURNING version,
    CASE WHEN %(look)s THEN (SELECT max(c.priority) FROM claimable c WHERE c.queue = tasks.queue AND c.state = 'queued') END
        AS waiting_priority,
    CASE WHEN %(look)s THEN EXISTS (SELECT FROM claimable c WHERE c.queue = tasks.queue AND c.state = 'reverting') END
        AS revert_waits

-- A verb's or the reaper's one write: it holds only while the row is as it was read.
-- name: shift
UPDATE tasks SET
    state = %(to)s,
    wish = %(wish)s,
    goal = %(goal)s,
    attempt = attempt + %(take)s::int,
    crashes = CASE WHEN %(keep)s THEN crashes ELSE %(crashes)s::int END,
    tries = CASE WHEN %(keep)s THEN tries ELSE %(tries)s::int END,
    error = CASE WHEN %(keep)s THEN error ELSE %(error)s::jsonb END,
    params = CASE WHEN %(keep)s THEN params ELSE %(params)s::jsonb END,
    secrets = CASE WHEN %(to)s IN ('stopped', 'undone') THEN NULL ELSE coalesce(%(secrets)s::jsonb, secrets) END,
    files = CASE WHEN %(keep)s THEN files ELSE %(files)s::jsonb END,
    run_at = CASE WHEN %(keep)s OR %(expired)s THEN run_at WHEN attempt = 0 THEN greatest(run_at, clock_timestamp())
        ELSE clock_timestamp() END,
    lease_until = CASE WHEN %(keep)s THEN lease_until END,
    worker = CASE WHEN %(keep)s THEN worker END,
    message = CASE WHEN %(keep)s THEN message END,
    active = active + CASE WHEN %(keep)s OR running_since IS NULL THEN 0
        ELSE extract(epoch FROM clock_timestamp() - running_since) END,
    running_since = CASE WHEN %(keep)s THEN running_since END,
    ended_at = CASE WHEN %(final)s THEN clock_timestamp() END,
    updated_at = clock_timestamp(),
    version = version + 1
WHERE id = %(id)s AND attempt = %(attempt)s AND state = %(from)s
  AND wish IS NOT DISTINCT FROM %(seen)s AND goal IS NOT DISTINCT FROM %(seen_goal)s
  AND (lease_until IS NOT NULL) = %(held)s
  AND (NOT %(expired)s OR lease_until < clock_timestamp())
RETURNING *

-- The row of such an attempt, if it is still silent and nobody else is at it.
-- name: expired_one
SELECT * FROM tasks WHERE id = %(id)s AND attempt = %(attempt)s AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED

-- End the server processes of an attempt that is still silent; 1 s is waited for each to be gone.
-- name: end_expired
SELECT pg_terminate_backend(a.pid, 1000) FROM pg_stat_activity a
WHERE a.application_name = %(name)s AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND EXISTS (SELECT FROM tasks WHERE id = %(id)s AND attempt = %(attempt)s AND lease_until < clock_timestamp())

-- Attempts that gave no sign of life in time.
-- name: expired
SELECT * FROM tasks WHERE lease_until < clock_timestamp() ORDER BY lease_until LIMIT 100

-- The end of a revert that needed no worker: only while nobody holds it and the goal is the same.
-- name: reverted
UPDATE tasks SET
    state = %(to)s, wish = NULL, goal = NULL, files = '{}', counts = '{}', result = %(result)s, leftovers = %(leftovers)s,
    secrets = CASE WHEN %(to)s IN ('stopped', 'undone') THEN NULL ELSE secrets END,
    ended_at = clock_timestamp(), updated_at = clock_timestamp(), version = version + 1
WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'reverting' AND goal = %(seen_goal)s AND lease_until IS NULL
RETURNING *

-- Whether something of a queue could be claimed now.
-- name: waits
SELECT EXISTS (SELECT FROM claimable WHERE queue = %(queue)s) AS something

-- The queues in which something could be claimed now, and how much; beyond a hundred nobody needs to know.
-- name: waiting_queues
SELECT q.queue, (SELECT count(*) FROM (SELECT FROM claimable c WHERE c.queue = q.queue LIMIT 100) a_few) AS number
FROM (SELECT DISTINCT queue FROM tasks WHERE state IN ('queued', 'reverting')) q

-- How many attempts run.
-- name: held
SELECT count(*) AS number FROM tasks WHERE lease_until IS NOT NULL

-- Whose names still stand on results, rejects and uploads although they ended long ago.
-- name: past_retention
SELECT * FROM tasks
WHERE ended_at < now() - make_interval(secs => %(seconds)s)
  AND (state = 'failed' OR (state = 'succeeded' AND result ? 'expires'))
ORDER BY ended_at LIMIT 100

-- What retention took is no longer offered.
-- name: expire
UPDATE tasks SET result = %(result)s, files = '{}', updated_at = clock_timestamp(), version = version + 1
WHERE id = %(id)s AND state = 'succeeded'

-- Events are numbered in the order of their commits. Whoever stands still with this lock loses it.
-- name: events_lock
SELECT set_config('idle_in_transaction_session_timeout', (%(patience)s * 1000)::int::text, true),
    pg_advisory_xact_lock(%(key)s::int)

-- One line of a task's timeline.
-- name: insert_event
INSERT INTO events (task, event, actor, reason, attempt, data)
VALUES (%(task)s, %(event)s, %(actor)s, %(reason)s, %(attempt)s::int, %(data)s)

-- A task's timeline.
-- name: events
SELECT * FROM events WHERE task = %(task)s AND id > %(after)s::bigint ORDER BY id LIMIT %(limit)s::int

-- The newest lines of a task's timeline: those of its log, or all others; before a line, if one is named.
-- name: latest_events
SELECT * FROM (
    SELECT * FROM events
    WHERE task = %(task)s AND (event = 'log') = %(logs)s AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
    ORDER BY id DESC LIMIT %(limit)s::int
) newest ORDER BY id

-- The states of several tasks at once, for whoever sweeps what they left behind.
-- name: states
SELECT id, state FROM tasks WHERE id = ANY(%(ids)s)

-- What a task that has ended keeps of people is removed from its row: the file's name, secrets, values in errors and results.
-- name: forget
UPDATE tasks SET label = NULL, secrets = NULL, error = NULL, result = %(result)s, files = '{}',
    updated_at = clock_timestamp(), version = version + 1
WHERE id = %(id)s AND state = %(state)s AND lease_until IS NULL
RETURNING *

-- And the lines that its kind wrote into its log.
-- name: forget_log
DELETE FROM events WHERE task = %(task)s AND event = 'log'
