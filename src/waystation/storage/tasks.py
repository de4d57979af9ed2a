"""The table `tasks` and its timeline: one typed function a query of tasks.sql.

The writes return None when the row is no longer as the caller believed: the caller reads again and decides again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from waystation import states
from waystation.access import NOTHING_HIDDEN, Hidden
from waystation.model import Event, Goal, JsonValue, Sample, Situation, State, Task, TaskFilter, Wish
from waystation.storage.db import Connection, Row, attempt_name, every, one, run
from waystation.storage.queries import load

SQL = load("tasks")
CLAIM_LOCK, EVENTS_LOCK, SAME_FILE_LOCK = 0x57A1, 0x57A2, 0x57A5  # keys among PostgreSQL's advisory locks
PATIENCE = 1.0  # seconds after which a transaction that stands still with one of these locks is ended
_FIELDS = [f.name for f in fields(Task)]


def _task(row: Row) -> Task:
    values = {name: row[name] for name in _FIELDS}
    values["state"] = State(row["state"])
    values["wish"] = Wish(row["wish"]) if row["wish"] else None
    values["goal"] = Goal(row["goal"]) if row["goal"] else None
    return Task(**values)


def _maybe(row: Row | None) -> Task | None:
    return _task(row) if row else None


def insert(
    connection: Connection,
    *,
    id: UUID,
    kind: str,
    queue: str,
    priority: int,
    params: Mapping[str, JsonValue],
    secrets: Mapping[str, str] | None = None,
    dataset: str | None,
    undoable: bool,
    unit: str,
    unique_key: str | None = None,
    created_by: str,
    idempotency_key: str | None,
    request_hash: str,
    label: str | None = None,
    run_at: datetime | None = None,
    waits_for: UUID | None = None,
) -> Task | None:
    """A new queued task; None when its idempotency key is taken. It begins at `run_at` and after the task that it
    `waits_for`, if they are given.

    Raises psycopg.errors.UniqueViolation when a task with its unique key is under way.
    """
    return _maybe(
        one(
            connection,
            SQL["insert"],
            id=id,
            kind=kind,
            queue=queue,
            priority=priority,
            params=Jsonb(params),
            secrets=Jsonb(secrets) if secrets else None,
            dataset=dataset,
            undoable=undoable,
            unit=unit,
            unique_key=unique_key,
            created_by=created_by,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
            label=label,
            run_at=run_at,
            waits_for=waits_for,
        )
    )


def get(connection: Connection, id: UUID) -> Task | None:
    """One task."""
    return _maybe(one(connection, SQL["get"], id=id))


def by_key(connection: Connection, key: str) -> tuple[Task, str] | None:
    """The task that an idempotency key made, with the hash of what was asked."""
    row = one(connection, SQL["by_key"], key=key)
    return (_task(row), row["request_hash"]) if row else None


def under_way(connection: Connection, kind: str, unique_key: str) -> Task | None:
    """The unfinished task of this kind that has the unique key."""
    return _maybe(one(connection, SQL["under_way"], kind=kind, key=unique_key))


def with_same_file(connection: Connection, sha256: str, dataset: str) -> Task | None:
    """The latest task that has put this file into the dataset, where readers see it, or is about to.

    Whoever asks the same waits until this transaction has ended, so that of two at the same moment one sees the other.
    """
    run(connection, SQL["same_file_lock"], key=SAME_FILE_LOCK, dataset=dataset, sha256=sha256)
    return _maybe(one(connection, SQL["with_same_file"], dataset=dataset, sha256=sha256))


def waiting(connection: Connection, queue: str, *, actor: str | None = None, most: int) -> int:
    """How many tasks wait in a queue, of one person (None: of all); `most` at the most."""
    row = one(connection, SQL["waiting"], queue=queue, actor=actor, most=most)
    return row["number"] if row else 0


def secrets(connection: Connection, id: UUID) -> dict[str, str]:
    """The secrets among a task's parameters, by their places."""
    row = one(connection, SQL["secrets"], id=id)
    return (row["secrets"] if row else None) or {}


def version(connection: Connection, id: UUID) -> int | None:
    """The version of one task."""
    row = one(connection, SQL["version"], id=id)
    return row["version"] if row else None


def wish(connection: Connection, id: UUID) -> Wish | None:
    """What somebody asks of a task."""
    row = one(connection, SQL["wish"], id=id)
    return Wish(row["wish"]) if row and row["wish"] else None


def changed(connection: Connection, since: datetime, limit: int = 1000) -> list[Task]:
    """Tasks that changed after `since`, oldest change first."""
    return [_task(r) for r in every(connection, SQL["changed"], since=since, limit=limit)]


def open_counts(connection: Connection) -> dict[State, int]:
    """How many tasks are in each state that somebody may want to do something about."""
    wanted = [s.value for s in State if s not in states.FINAL or s is State.FAILED]
    return {State(r["state"]): r["number"] for r in every(connection, SQL["open_counts"], states=wanted)}


SAMPLE_LEAST = 2.0  # seconds between two samples of a young task
SAMPLE_SHARE = 120  # and of an old one: its age by this


def sample(connection: Connection) -> None:
    """Note how far each running task is."""
    run(connection, SQL["sample"], least=SAMPLE_LEAST, share=SAMPLE_SHARE)


def samples(connection: Connection, task: UUID) -> list[Sample]:
    """How far a task was from time to time, oldest first."""
    return [Sample(r["at"], r["attempt"], r["done"]) for r in every(connection, SQL["samples"], task=task)]


def forget_samples(connection: Connection, seconds: float) -> None:
    """Drop samples that are older than so many seconds."""
    run(connection, SQL["forget_samples"], seconds=seconds)


SEARCHED = 100_000  # the newest tasks, which a search looks at


def select(
    connection: Connection,
    which: TaskFilter,
    *,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
    hidden: Hidden = NOTHING_HIDDEN,
) -> list[Task]:
    """Tasks that fit the filter and are not hidden, newest first, older than `before` (a seq). Each filter has its index."""
    wheres: list[sql.Composable] = []
    values: dict[str, Any] = {"limit": limit}
    for name in ("state", "kind", "dataset", "created_by"):
        if (value := getattr(which, name)) is not None:
            wheres.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)))
            values[name] = str(value)
    if hidden.kinds:
        wheres.append(sql.SQL("kind <> ALL(%(hidden_kinds)s)"))
        values["hidden_kinds"] = sorted(hidden.kinds)
    if hidden.datasets:
        wheres.append(sql.SQL("(dataset IS NULL OR dataset <> ALL(%(hidden_datasets)s))"))
        values["hidden_datasets"] = sorted(hidden.datasets)
    if which.ids is not None:
        wheres.append(sql.SQL("id = ANY(%(ids)s)"))
        values["ids"] = list(which.ids)
    if which.search:
        wheres.append(sql.SQL("concat_ws(' ', label, kind, dataset, created_by, id) ILIKE %(search)s"))
        wheres.append(sql.SQL("seq > (SELECT max(seq) FROM tasks) - %(searched)s::bigint"))
        values["search"] = f"%{_like(which.search)}%"
        values["searched"] = SEARCHED
    if status is not None:
        fit = [
            (s, w, g)
            for s in State
            for w in (None, *Wish)
            for g in (None, *Goal)
            if states.status(Situation(s, w, g)) == status
        ]
        wheres.append(sql.SQL("state = ANY(%(states)s)"))
        wheres.append(sql.SQL("concat_ws('/', state, coalesce(wish, '-'), coalesce(goal, '-')) = ANY(%(situations)s)"))
        if all(w for _, w, _ in fit):
            wheres.append(sql.SQL("wish IS NOT NULL"))  # the planner has an index for these few
        values["states"] = sorted({s.value for s, _, _ in fit})
        values["situations"] = [f"{s}/{w or '-'}/{g or '-'}" for s, w, g in fit]
    if before is not None:
        wheres.append(sql.SQL("seq < %(before)s::bigint"))
        values["before"] = before
    query = sql.SQL("SELECT * FROM tasks {} ORDER BY seq DESC LIMIT %(limit)s::int").format(
        sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(wheres)) if wheres else sql.SQL("")
    )
    return [_task(r) for r in every(connection, query, **values)]


def _like(text: str) -> str:
    """A text that LIKE takes word for word."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def claim(connection: Connection, *, queue: str, lease: float, worker: str, message: str) -> Task | None:
    """The best task that waits in this queue is now this worker's, with a new attempt; None when nothing waits.

    The look comes first and the guarded UPDATE after it: a verb that came between wins, and the next best is taken.
    """
    run(connection, SQL["claim_lock"], key=CLAIM_LOCK, patience=PATIENCE)
    while (best := one(connection, SQL["best"], queue=queue)) is not None:
        taken = one(
            connection,
            SQL["claim"],
            seq=best["seq"],
            attempt=best["attempt"],
            state=best["state"],
            lease=lease,
            worker=worker,
            message=message,
        )
        if taken is not None:
            return _task(taken)
    return None


def beat(connection: Connection, id: UUID, attempt: int, lease: float) -> bool:
    """A sign of life; False when the lease is lost."""
    return one(connection, SQL["beat"], id=id, attempt=attempt, lease=lease) is not None


def fence(connection: Connection, id: UUID, attempt: int, state: State) -> bool | None:
    """Keep the task for this attempt until this transaction ends; to be asked last in it.

    None if the attempt does not hold it any more, else whether somebody asks something of it (a wish).
    """
    row = one(connection, SQL["fence"], id=id, attempt=attempt, state=state)
    return None if row is None else bool(row["asked"])


@dataclass(slots=True)
class Held:
    """What an attempt knows of its task and writes with each checkpoint: the row's changeable half, in memory."""

    id: UUID
    attempt: int
    state: State
    goal: Goal | None
    wish: Wish | None  # as last seen
    cursor: JsonValue
    done: int
    total: int | None
    unit: str
    phase: str | None
    rate: float | None
    revert_cursor: JsonValue
    revert_done: int
    revert_total: int | None
    crashes: int
    tries: int
    files: dict[str, JsonValue] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    result: dict[str, JsonValue] | None = None
    error: dict[str, JsonValue] | None = None
    leftovers: list[JsonValue] = field(default_factory=list)

    @classmethod
    def of(cls, task: Task) -> Held:
        """From a row just read."""
        return cls(**{f.name: getattr(task, f.name) for f in fields(cls)})

    @property
    def situation(self) -> Situation:
        """What decides the next move."""
        return Situation(self.state, self.wish, self.goal, held=True, touched=True)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What came back from a checkpoint. If it was asked to look: the highest priority that waits, and whether a revert does."""

    version: int
    waiting_priority: int | None
    revert_waits: bool


def _json(value: JsonValue) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def advance(
    connection: Connection,
    held: Held,
    move: states.Move | None,
    *,
    lease: float,
    delay: float | None = None,
    look: bool = False,
) -> Advanced | None:
    """Save all that `held` says and carry out `move` (None: go on). None = the row is no longer as `held` believes.

    `delay`: seconds until it may be claimed again, 0 to go behind those that wait. `look`: see who waits.
    """
    to = move.to if move else held.state
    row = connection.execute(
        SQL["advance"],
        {
            "id": held.id,
            "attempt": held.attempt,
            "from": held.state,
            "seen": held.wish,
            "seen_goal": held.goal,
            "to": to,
            "goal": move.goal if move else held.goal,
            "keep": move is None,
            "final": to in states.FINAL,
            "lease": lease,
            "delay": delay,
            "look": look,
            "cursor": _json(held.cursor),
            "done": held.done,
            "total": held.total,
            "unit": held.unit,
            "phase": held.phase,
            "rate": held.rate,
            "revert_cursor": _json(held.revert_cursor),
            "revert_done": held.revert_done,
            "revert_total": held.revert_total,
            "files": Jsonb(held.files),
            "counts": Jsonb(held.counts),
            "result": _json(held.result),
            "error": _json(held.error),
            "leftovers": Jsonb(held.leftovers),
            "crashes": held.crashes,
            "tries": held.tries,
        },
    ).fetchone()
    return Advanced(row["version"], row["waiting_priority"], bool(row["revert_waits"])) if row else None


def shift(
    connection: Connection,
    task: Task,
    move: states.Move | states.Ask,
    *,
    expired: bool = False,
    crashes: int | None = None,
    tries: int | None = None,
    error: dict[str, JsonValue] | None = None,
    params: Mapping[str, JsonValue] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Task | None:
    """A verb's write, or the reaper's (`expired`: only while the lease has run out). None = read again, decide again."""
    ask = isinstance(move, states.Ask)
    to = task.state if isinstance(move, states.Ask) else move.to
    row = connection.execute(
        SQL["shift"],
        {
            "id": task.id,
            "attempt": task.attempt,
            "from": task.state,
            "seen": task.wish,
            "seen_goal": task.goal,
            "held": task.held,
            "expired": expired,
            "to": to,
            "wish": move.wish if isinstance(move, states.Ask) else None,
            "goal": task.goal if isinstance(move, states.Ask) else move.goal,
            "take": 0 if isinstance(move, states.Ask) else int(move.take),
            "keep": ask,
            "final": to in states.FINAL,
            "crashes": task.crashes if crashes is None else crashes,
            "tries": task.tries if tries is None else tries,
            "error": _json(error or (None if to is State.QUEUED and task.state is State.FAILED else task.error)),
            "params": Jsonb(task.params if params is None else params),
            "secrets": None if secrets is None else Jsonb(secrets),
            # A lost lease is no release: the next attempt must not go on in files that the lost one may still write to.
            "files": Jsonb({n: {**f, "released": False} for n, f in task.files.items()} if expired else task.files),
        },
    ).fetchone()
    return _maybe(row)


def expired(connection: Connection) -> list[Task]:
    """Attempts whose lease has run out, longest first."""
    return [_task(r) for r in every(connection, SQL["expired"])]


def end_expired(connection: Connection, task: Task) -> None:
    """End the server processes of an attempt, unless it gave a sign of life since it was listed."""
    name = attempt_name(task.id, task.attempt)
    every(connection, SQL["end_expired"], id=task.id, attempt=task.attempt, name=name)


def expired_one(connection: Connection, task: Task) -> Task | None:
    """Lock and read the row of an attempt that is still silent; None if it is not, or if somebody else has the row."""
    return _maybe(one(connection, SQL["expired_one"], id=task.id, attempt=task.attempt))


def reverted(
    connection: Connection, task: Task, to: State, *, result: dict[str, JsonValue] | None, leftovers: list[JsonValue]
) -> Task | None:
    """The end of a revert that needed no worker; None when a worker claimed it meanwhile."""
    return _maybe(
        one(
            connection,
            SQL["reverted"],
            id=task.id,
            attempt=task.attempt,
            seen_goal=task.goal,
            to=to,
            result=_json(result),
            leftovers=Jsonb(leftovers),
        )
    )


def waits(connection: Connection, queue: str) -> bool:
    """Whether something of a queue could be claimed now."""
    row = one(connection, SQL["waits"], queue=queue)
    return bool(row and row["something"])


def waiting_queues(connection: Connection) -> dict[str, int]:
    """Claimable tasks by queue, a hundred at most."""
    return {r["queue"]: r["number"] for r in every(connection, SQL["waiting_queues"]) if r["number"]}


def held_count(connection: Connection) -> int:
    """How many attempts run."""
    row = one(connection, SQL["held"])
    return int(row["number"]) if row else 0


def past_retention(connection: Connection, seconds: float) -> list[Task]:
    """Ended tasks whose files and rejects have been kept long enough."""
    return [_task(r) for r in every(connection, SQL["past_retention"], seconds=seconds)]


def expire(connection: Connection, id: UUID, result: dict[str, JsonValue]) -> None:
    """Take the file out of a succeeded task's result."""
    run(connection, SQL["expire"], id=id, result=Jsonb(result))


def states_of(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, State]:
    """The state of each of these tasks; those that do not exist are missing."""
    return {r["id"]: State(r["state"]) for r in every(connection, SQL["states"], ids=list(ids))}


# -- the timeline ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class NewEvent:
    """A line to be written."""

    task: UUID
    event: str
    actor: str
    attempt: int
    reason: str | None = None
    data: Mapping[str, JsonValue] = field(default_factory=dict)


def write_events(connection: Connection, new: Iterable[NewEvent]) -> None:
    """Write lines of timelines; to be called last before the commit.

    They are written under one lock, so that id order is commit order. It is taken after every other lock, and nothing is
    waited for while it is held. Whoever freezes with it loses it by a short idle timeout, before healthy leases run out.
    """
    rows = list(new)
    if rows:
        run(connection, SQL["events_lock"], key=EVENTS_LOCK, patience=PATIENCE)
    for e in rows:
        run(
            connection,
            SQL["insert_event"],
            task=e.task,
            event=e.event,
            actor=e.actor,
            reason=storable(e.reason),
            attempt=e.attempt,
            data=Jsonb(storable(dict(e.data))),
        )


def storable(value: Any) -> Any:
    """A JSON value with all text such that PostgreSQL can hold it: NUL and lone surrogates are replaced."""
    if isinstance(value, str):
        return value.replace("\0", "\\x00").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {storable(k): storable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [storable(v) for v in value]
    return value


def events(connection: Connection, task: UUID, *, after: int = 0, limit: int = 1000) -> list[Event]:
    """A task's timeline after an id."""
    rows = every(connection, SQL["events"], task=task, after=after, limit=limit)
    return [Event(**{f.name: r[f.name] for f in fields(Event)}) for r in rows]


def latest_events(connection: Connection, task: UUID, *, logs: bool, before: int | None, limit: int) -> list[Event]:
    """The newest lines of a task's log, or of the rest of its timeline; of those before a line, if one is named."""
    rows = every(connection, SQL["latest_events"], task=task, logs=logs, before=before, limit=limit)
    return [Event(**{f.name: r[f.name] for f in fields(Event)}) for r in rows]


def forget(connection: Connection, task: Task, *, result: dict[str, JsonValue] | None) -> Task | None:
    """Remove what the row and the log of a task that has ended tell of people; None if it is no longer as it was read."""
    values = {"id": task.id, "state": task.state.value, "result": Jsonb(result) if result is not None else None}
    run(connection, SQL["forget_log"], task=task.id)
    return _maybe(one(connection, SQL["forget"], **values))
