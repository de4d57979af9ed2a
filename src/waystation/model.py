"""The nouns of Waystation, frozen: what the rows of the database are in Python. They know no database and no HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

JsonValue = Any  # what json.loads can give; a recursive type costs more than it finds here


class State(StrEnum):
    """What a task is."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    REVERTING = "reverting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    TERMINATED = "terminated"
    UNDONE = "undone"


class Wish(StrEnum):
    """What a person asked of a task that somebody holds; obeyed at its next yield."""

    PAUSE = "pause"
    STOP = "stop"
    TERMINATE = "terminate"


class Goal(StrEnum):
    """Where a revert leads."""

    STOPPED = "stopped"
    TERMINATED = "terminated"
    UNDONE = "undone"


class Verb(StrEnum):
    """What a person can ask of a task."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    TERMINATE = "terminate"
    RETRY = "retry"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides what may happen to a task next."""

    state: State
    wish: Wish | None = None
    goal: Goal | None = None
    held: bool = False  # an attempt holds the lease
    touched: bool = False  # some attempt has begun: there may be something to take back
    undoable: bool = False  # its kind can be undone
    leftovers: bool = False  # outside effects were left standing


@dataclass(frozen=True, slots=True)
class Task:
    """One row of `tasks`. Times are aware UTC datetimes; `rate` is units a second, `active` seconds spent running."""

    id: UUID
    seq: int
    kind: str
    queue: str
    priority: int
    params: dict[str, JsonValue]
    dataset: str | None
    state: State
    wish: Wish | None
    goal: Goal | None
    undoable: bool
    unique_key: str | None
    attempt: int
    crashes: int
    tries: int
    cursor: JsonValue
    done: int
    total: int | None
    unit: str
    phase: str | None
    rate: float | None
    revert_cursor: JsonValue
    revert_done: int
    revert_total: int | None
    files: dict[str, JsonValue]
    counts: dict[str, int]
    result: dict[str, JsonValue] | None
    error: dict[str, JsonValue] | None
    leftovers: list[JsonValue]
    created_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    run_at: datetime
    running_since: datetime | None
    active: float
    lease_until: datetime | None
    worker: str | None
    message: str | None
    version: int
    label: str | None = None  # what people call it: the name of the file that they sent, or what its kind says
    waits_for: UUID | None = None  # it begins once this task has succeeded

    @property
    def held(self) -> bool:
        """An attempt holds the lease (it may be dead; only the reaper says so)."""
        return self.lease_until is not None

    @property
    def situation(self) -> Situation:
        """What decides the next move."""
        return Situation(
            state=self.state,
            wish=self.wish,
            goal=self.goal,
            held=self.held,
            touched=self.attempt > 0,
            undoable=self.undoable,
            leftovers=bool(self.leftovers),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: of the work itself, or of its taking back while that runs.

    `percent` is None while the total is unknown, and never over 100; `eta` is seconds of running time still to come.
    """

    done: int
    total: int | None
    unit: str
    phase: str | None
    percent: float | None
    rate: float | None
    eta: float | None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a task's timeline."""

    id: int
    task: UUID
    at: datetime
    event: str
    actor: str
    reason: str | None
    attempt: int
    data: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Sample:
    """How far a task was at some moment: `done` units in its own unit, by the attempt of this number."""

    at: datetime
    attempt: int
    done: int


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks: every field that is set must fit. `search` is looked for in the label, kind, dataset, actor and id."""

    state: State | None = None
    kind: str | None = None
    dataset: str | None = None
    created_by: str | None = None
    search: str | None = None
    ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of tasks, newest first; `next` is the cursor of the page after it, if there is one."""

    tasks: list[Task]
    next: str | None


SQL_TYPES: dict[str, str] = {
    "integer": "integer",
    "bigint": "bigint",
    "numeric": "numeric",
    "double": "double precision",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "time": "time",
    "uuid": "uuid",
    "json": "json",  # not jsonb, which would drop blanks, the order of keys and the digits of numbers
    "text": "text",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a dataset: its name, its type, one of SQL_TYPES, and why it is that type, in words."""

    name: str
    type: str
    why: str = field(default="", compare=False)

    def as_json(self) -> dict[str, str]:
        """For the database and the API."""
        return {"name": self.name, "type": self.type, "why": self.why}

    @classmethod
    def of(cls, value: Mapping[str, str]) -> Column:
        """The inverse of as_json."""
        return cls(value["name"], value["type"], value.get("why", ""))


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows that one import publishes into a dataset. Its state is staged, published, undone or dropped."""

    id: int
    dataset: str
    task: UUID
    mode: str
    state: str
    columns: tuple[Column, ...]
    rows: int
    created_at: datetime
    published_at: datetime | None
    undone_at: datetime | None
    visible: bool = False
    created_by: str = ""
    label: str | None = None  # the name of its file


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named table, with the batches that readers see."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    batches: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sent: its name as they gave it (never used as a path), its size in bytes and its place."""

    id: UUID
    name: str
    path: str
    size: int
    sha256: str
    created_by: str
    created_at: datetime
    task: UUID | None = None
    metadata: str | None = None  # what a resumable upload was said to be, as its client wrote it


@dataclass(frozen=True, slots=True)
class UnfinishedUpload:
    """A file of which the first `received` of `size` bytes are on the disk for good; `attempt` counts who has written to it."""

    id: UUID
    name: str
    path: str
    size: int
    received: int
    attempt: int
    metadata: str
    created_by: str
    created_at: datetime
    expires_at: datetime  # unless more bytes come before


@dataclass(frozen=True, slots=True)
class Holds:
    """What a task has brought about so far, and what would be left of its dataset without it.

    `rows` are those of its batch (staged, or published); `rows_after` and `batches_after` what readers would see without it,
    `rows_now` what they see; `readers` the unfinished exports that read it. `own_undo`: its kind has steps that take back
    effects outside Waystation.
    """

    task: Task
    batch: Batch | None = None
    rows: int = 0
    rows_now: int = 0
    rows_after: int = 0
    batches_after: int = 0
    readers: int = 0
    own_undo: bool = False


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What the API tells of a kind."""

    name: str
    summary: str
    schema: dict[str, JsonValue]
    undoable: bool
    changeable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that has been heard of lately."""

    id: str
    host: str
    pid: int
    slots: int
    busy: int
    seen_at: datetime
    draining: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tasks of a kind, a dataset or a queue (`scope`) may run at a time; `held` = none is begun for now."""

    scope: str
    name: str
    running: int | None
    held: bool
    reason: str | None
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """What lets somebody in, without its secret: a role, and groups for what is closed to others."""

    id: int
    name: str
    role: str
    groups: tuple[str, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None  # to the hour
    revoked_at: datetime | None
    revoked_by: str | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A task that is started again and again, at the times that `cron` names in the time zone `zone`.

    missed: what becomes of due times that nobody was there for: a task for the latest ("one"), none ("skip"), or one for each
    ("all"). overlap: a task is started although the one before it has not ended. last_at: the due time for which `last_task`
    was started; note: why none was started at the latest one.
    """

    name: str
    kind: str
    queue: str
    priority: int
    params: dict[str, JsonValue]
    dataset: str | None
    undoable: bool
    unit: str
    unique_key: str | None
    cron: str
    zone: str
    missed: Literal["one", "skip", "all"]
    overlap: bool
    held: bool
    created_by: str
    created_at: datetime
    next_at: datetime
    last_at: datetime | None
    last_task: UUID | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told when tasks come to one of `states` (final ones), of one `kind` or of any."""

    name: str
    url: str
    kind: str | None
    states: tuple[str, ...]
    held: bool
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a webhook is told of one task: waiting, delivered or given up; `status` and `error` are of the last try."""

    id: int
    webhook: str
    task: UUID
    body: dict[str, JsonValue]
    state: str
    tries: int
    next_at: datetime
    status: int | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None


PARTS = ("database", "broker", "worker")


@dataclass(frozen=True, slots=True)
class Health:
    """Which parts answer: an empty `missing` means ready."""

    parts: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> list[str]:
        """Names of the parts that do not answer."""
        return [name for name, said in self.parts.items() if said != "ok"]
