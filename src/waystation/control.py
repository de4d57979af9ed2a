"""Submit, list, show and the verbs: what people can ask of tasks. It meets the runner and the reaper only in the row."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, Protocol
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from pydantic import BaseModel

from waystation import states, tracing
from waystation.access import ANYBODY, Caller, Need
from waystation.acts import Act
from waystation.csvio.limits import FileLimits
from waystation.csvio.rejects import Reject, rejects_csv
from waystation.errors import (
    AlreadyUnderWay,
    DatabaseUnavailable,
    DatasetNotFound,
    IdempotencyKeyReused,
    InvalidParams,
    InvalidRequest,
    KindNotFound,
    NoResult,
    NotAllowed,
    QueueFull,
    StorageUnavailable,
    TaskNotFound,
    TooManyTasks,
    UploadNotFound,
    UploadUnfinished,
    VerbNotPossible,
    WaystationError,
)
from waystation.model import (
    PARTS,
    Batch,
    Dataset,
    Goal,
    Health,
    Holds,
    JsonValue,
    KindInfo,
    Limit,
    Page,
    Sample,
    State,
    Task,
    TaskFilter,
    UnfinishedUpload,
    Upload,
    Verb,
    Worker,
)
from waystation.model import Event as TimelineEvent
from waystation.sdk.filling import check_dataset_name
from waystation.sdk.kind import Kind, Registry
from waystation.secret import MASK, parted, whole
from waystation.settings import Settings
from waystation.storage import audit, datasets, holdings, limits, staging, tallies, tasks, unfinished, uploads, workers
from waystation.storage.db import Connection, Database, attempt_name, end_backends
from waystation.storage.files import Files, Receiver
from waystation.storage.tallies import Tallies
from waystation.storage.tasks import NewEvent

LOOK_EVERY = 0.1  # seconds between two looks of somebody who waits for a change
AT_ONCE_TRIES = 3
SCOPES = ("kind", "dataset", "queue")
FORCE_AFTER = "300ms"  # how long terminate waits for an attempt that is just writing


class Engine(Protocol):
    """What control needs of the engine. It is a doorbell: the database owns the tasks."""

    def ring(self, queue: str) -> bool:
        """Tell one free slot that something waits; False when the broker does not answer (the reaper rings later)."""

    def kill(self, message: str) -> None:
        """Kill the process that works on this message, if there is one."""

    def alive(self) -> bool:
        """Whether the broker answers."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did to one of many tasks."""

    task: Task
    changed: bool
    error: WaystationError | None = None


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A task's result; `name` is what to call it, `size` is in bytes."""

    place: str
    name: str
    size: int
    sha256: str
    media_type: str
    files: Files = field(repr=False)

    def open(self) -> BinaryIO:
        """Its bytes, seekable. NoResult when it expired a moment ago."""
        try:
            return self.files.open(self.place)
        except FileNotFoundError as error:
            raise NoResult("The result file is no longer there.") from error

    def read_bytes(self) -> bytes:
        """All of its bytes at once, for whoever knows that they are few."""
        with self.open() as file:
            return file.read()


class UploadWriter:
    """An upload on its way in: `write` bytes, then `commit`. Left without a commit, or by an error, nothing stays behind."""

    def __init__(self, control: Control, name: str, actor: str) -> None:
        self._control, self._name, self._actor = control, name, actor
        self._id = uuid4()
        self._receiver: Receiver | None = None
        self.upload: Upload | None = None

    def __enter__(self) -> UploadWriter:
        self._receiver = self._control.files.receive(self._id, self._name, limit=self._control.settings.max_upload)
        return self

    def write(self, data: bytes) -> None:
        """More bytes. Raises TooLarge and DiskFull."""
        assert self._receiver is not None
        self._receiver.write(data)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._receiver.size if self._receiver else 0

    def commit(self) -> Upload:
        """The file is whole: from now on a task can name it."""
        assert self._receiver is not None
        sha256 = self._receiver.finish()
        with self._control.database.transaction() as connection:
            self.upload = uploads.insert(
                connection,
                id=self._id,
                name=self._receiver.name,
                path=self._receiver.place,
                size=self._receiver.size,
                sha256=sha256,
                created_by=self._actor,
            )
        return self.upload

    def withdraw(self) -> None:
        """Nobody needs the file after all: let it go, unless a task has taken it."""
        assert self.upload is not None
        with self._control.database.transaction() as connection:
            gone = uploads.delete(connection, self._id, task=None)
        if gone:
            self._control.files.remove_upload(self.upload.path)

    def __exit__(self, kind: object, *_: object) -> None:
        if self.upload is None and self._receiver is not None:
            self._receiver.discard()
        elif kind is not None:
            self.withdraw()


class Looker:
    """What a kind's check may look at; see sdk.kind.Look."""

    def __init__(self, connection: Connection, files: Files, settings: Settings) -> None:
        self._connection, self._files = connection, files
        self.file_limits = FileLimits(settings.max_rows, settings.max_columns, settings.max_record)

    def upload(self, id: UUID) -> Upload:
        """An upload; UploadUnfinished while it is still coming, UploadNotFound if it is not there."""
        coming = unfinished.get(self._connection, id)
        if coming is not None:
            raise UploadUnfinished(f"Of this upload {coming.received} of {coming.size} bytes are here.")
        found = uploads.get(self._connection, id)
        if found is None:
            raise UploadNotFound
        return found

    def open_upload(self, id: UUID) -> BinaryIO:
        """Its bytes; UploadNotFound if they are gone."""
        try:
            return self._files.open(self.upload(id).path)
        except FileNotFoundError as error:
            raise UploadNotFound from error

    def dataset(self, name: str) -> Dataset | None:
        """A dataset, if it is there."""
        return datasets.get(self._connection, name)

    def same_file(self, upload: UUID, dataset: str) -> Task | None:
        """The latest task that put the same bytes into the dataset, or is about to; the next who asks waits for our commit."""
        return tasks.with_same_file(self._connection, self.upload(upload).sha256, dataset)


class Control:
    """Submit, list, show and the verbs. Safe to use from several threads; one for each process."""

    def __init__(self, database: Database, registry: Registry, files: Files, engine: Engine, settings: Settings) -> None:
        self.database, self.registry, self.files = database, registry, files
        self.engine, self.settings = engine, settings
        self.caller = ANYBODY

    def acting_for(self, caller: Caller) -> Control:
        """The same, for somebody: what is closed to them is not there, and what is not theirs they can't act on."""
        if caller == self.caller:
            return self
        made = copy.copy(self)
        made.caller = caller
        return made

    # -- submit
    def submit(
        self,
        kind: str,
        params: Mapping[str, JsonValue],
        *,
        actor: str,
        idempotency_key: str | None = None,
        priority: int | None = None,
        run_at: datetime | None = None,
        after: UUID | str | None = None,
    ) -> tuple[Task, bool]:
        """A new task, queued; with an idempotency key that was seen before, the task that it made then and False.

        run_at: it begins then, not before. after: it begins once that task has succeeded; while that one is failed it waits
        on, since a retry may come, and when that one is stopped, terminated or undone it is stopped, too.
        Raises KindNotFound, InvalidParams, what the kind's own check finds wrong, IdempotencyKeyReused and AlreadyUnderWay,
        NotAllowed, TooManyTasks, QueueFull, DatasetNotFound for a dataset that is closed to the caller, and TaskNotFound or
        InvalidRequest for a task that can't be waited for.
        """
        known, model, clean, secrets = self.checked(kind, params)
        with self.database.transaction() as connection:
            when = {"run_at": run_at and run_at.astimezone(UTC).isoformat(), "after": after and str(after)}
            asked = _request_hash(connection, kind, clean, secrets, {k: v for k, v in when.items() if v})
            if idempotency_key is not None and (seen := tasks.by_key(connection, idempotency_key)):
                return self._same(seen, asked), False
            self._must_own_upload(connection, clean)
            if known.check_params is not None:
                try:
                    known.check_params(Looker(connection, self.files, self.settings), model)
                except WaystationError:
                    if idempotency_key is None or not (seen := tasks.by_key(connection, idempotency_key)):
                        raise
                    return self._same(seen, asked), False  # what is in the way is what the same request made a moment ago
            self._must_have_room(connection, known.queue, actor)
            unique_key = known.unique_key(model)
            with _one_at_a_time(connection, kind, unique_key):
                made = tasks.insert(
                    connection,
                    id=uuid4(),
                    kind=kind,
                    queue=known.queue,
                    priority=self._rank(connection, known, model) if priority is None else priority,
                    params=clean,
                    secrets=secrets,
                    dataset=clean.get("dataset") if isinstance(clean.get("dataset"), str) else None,
                    undoable=known.undoable,
                    unit=known.unit,
                    unique_key=unique_key,
                    created_by=actor,
                    idempotency_key=idempotency_key,
                    request_hash=asked,
                    label=self._label(connection, clean) or known.label_of(model),
                    run_at=run_at,
                    waits_for=None if after is None else self._to_wait_for(connection, after),
                )
            if made is None:  # the same key, at the same moment
                assert idempotency_key is not None
                seen = tasks.by_key(connection, idempotency_key)
                assert seen is not None
                return self._same(seen, asked), False
            self._hold_uploads(connection, made)
            data: dict[str, JsonValue] = {name: value for name, value in when.items() if value}
            audit.note_task(connection, actor, Act.SUBMIT, made, data=data)
            tasks.write_events(connection, [NewEvent(made.id, "submitted", actor, 0, data=data | tracing.carried())])
        tracing.tell(task=str(made.id), kind=made.kind)
        if not data:  # what begins later is rung for when it is time
            self.engine.ring(made.queue)
        return made, True

    def checked(
        self, kind: str, params: Mapping[str, JsonValue]
    ) -> tuple[Kind, BaseModel, dict[str, JsonValue], dict[str, str]]:
        """A request for a task, looked at without the database: its kind, its parameters as the model, as they are shown, and
        its secrets. Raises what `submit` says."""
        known = self._kind(kind)
        self.caller.require(Need.SUBMIT)
        model = known.parse(params)
        clean, secrets = parted(model)
        self._must_see_dataset(clean.get("dataset"))
        if MASK in secrets.values():
            raise InvalidParams(f"A secret parameter of {kind!r} is {MASK!r}, as masked ones are shown: give it in full.")
        return known, model, clean, secrets

    def _to_wait_for(self, connection: Connection, after: UUID | str) -> UUID | None:
        """The task to wait for; None if it has succeeded already."""
        other = self._get(connection, after)
        if other.state in states.FINAL and other.state not in (State.SUCCEEDED, State.FAILED):
            raise InvalidRequest(
                f"Task {other.id} is {states.task_status(other)}: it will never succeed.", remedy="Leave `after` out."
            )
        return None if other.state is State.SUCCEEDED else other.id

    def _same(self, seen: tuple[Task, str], asked: str) -> Task:
        if seen[1] != asked or not self.caller.owns(seen[0].created_by):
            raise IdempotencyKeyReused
        return seen[0]

    def _rank(self, connection: Connection, kind: Kind, model: BaseModel) -> int:
        look = Looker(connection, self.files, self.settings)
        return kind.rank_params(look, model) if kind.rank_params else kind.priority

    def _label(self, connection: Connection, params: Mapping[str, JsonValue]) -> str | None:
        """What people call the task: the name of the file that it was given."""
        with suppress(ValueError):  # a kind of somebody's own may call something else `upload`
            if params.get("upload") and (sent := uploads.get(connection, UUID(str(params["upload"])))):
                return sent.name
        return None

    def _must_have_room(self, connection: Connection, queue: str, actor: str) -> None:
        """Raises TooManyTasks, QueueFull."""
        own, all_of_it = self.settings.tasks_per_actor, self.settings.queue_length
        if tasks.waiting(connection, queue, actor=actor, most=own) >= own:
            raise TooManyTasks(f"{own} tasks of {actor!r} wait in the queue {queue!r} already.")
        if tasks.waiting(connection, queue, most=all_of_it) >= all_of_it:
            raise QueueFull(f"{all_of_it} tasks wait in the queue {queue!r} already.")

    def _must_own_upload(self, connection: Connection, params: Mapping[str, JsonValue]) -> None:
        """Somebody else's upload is not there, for whoever acts on their own only."""
        with suppress(ValueError):  # a kind of somebody's own may call something else `upload`
            if params.get("upload") and (sent := uploads.get(connection, UUID(str(params["upload"])))):
                self._must_own(sent)

    def _must_own(self, sent: Upload | UnfinishedUpload) -> None:
        if not self.caller.owns(sent.created_by):
            raise UploadNotFound

    def check_upload(self, id: UUID) -> None:
        """Raises UploadNotFound for an upload, whole or not, that is somebody else's; one that is not there passes."""
        if self.caller.may(Need.MANAGE):
            return
        with self.database.transaction() as connection:
            sent = unfinished.get(connection, id) or uploads.get(connection, id)
        if sent is not None:
            self._must_own(sent)

    def waiting_upload(self, id: str) -> Upload | None:
        """An upload that the caller may give to a task; None if it is not there, or another task has it."""
        with suppress(ValueError), self.database.transaction() as connection:
            sent = uploads.get(connection, UUID(id))
            if sent is not None and sent.task is None and self.caller.owns(sent.created_by):
                return sent
        return None

    def _hold_uploads(self, connection: Connection, task: Task) -> None:
        name = task.params.get("upload")
        if name is None or task.params.get("dry_run"):  # what is only checked can be imported after it
            return
        try:
            id = UUID(str(name))
        except ValueError:  # a kind of somebody's own may take it as a text
            raise UploadNotFound(f"There is no upload {str(name)[:60]!r}.") from None
        if uploads.hold(connection, id, task.id) is None:
            raise UploadNotFound("This upload is gone, or another task has it.")

    def receive(self, name: str, *, actor: str) -> UploadWriter:
        """Take a file in; use it as a context manager."""
        return UploadWriter(self, name, actor)

    # -- show
    def get(self, task_id: UUID | str) -> Task:
        """One task; TaskNotFound without one."""
        with self.database.transaction() as connection:
            return self._get(connection, task_id)

    def _get(self, connection: Connection, task_id: UUID | str) -> Task:
        try:
            id = task_id if isinstance(task_id, UUID) else UUID(task_id)
        except ValueError:
            raise TaskNotFound(f"There is no task {str(task_id)[:60]!r}.") from None
        found = tasks.get(connection, id)
        if found is None or not self.caller.sees(found.kind, found.dataset):
            raise TaskNotFound(f"There is no task {id}.")
        return found

    def wait(self, task_id: UUID | str, version: int | None, seconds: float) -> Task:
        """The task once its version is another than `version` (None: than now), or it has ended, or time is over."""
        task = self.get(task_id)
        version = task.version if version is None else version
        until = time.monotonic() + seconds
        while task.version == version and task.state not in states.FINAL and time.monotonic() < until:
            time.sleep(min(LOOK_EVERY, max(0.0, until - time.monotonic())))
            with self.database.transaction() as connection:
                changed = tasks.version(connection, task.id) != version
            if changed:
                task = self.get(task.id)
        return task

    def page(
        self, which: TaskFilter | None = None, *, limit: int = 50, cursor: str | None = None, status: str | None = None
    ) -> Page:
        """A page of tasks, newest first. Raises InvalidRequest for a limit or a cursor that is none."""
        if not 1 <= limit <= 500:
            raise InvalidRequest("`limit` must be a whole number from 1 to 500.")
        if status is not None and status not in states.STATUSES:
            raise InvalidRequest(f"There is no status {status!r}; they are {', '.join(states.STATUSES)}.")
        try:
            before = int(cursor, 36) if cursor else None
        except ValueError:
            raise InvalidRequest("`cursor` must be one that an earlier page gave as `next`.") from None
        with self.database.transaction() as connection:
            found = tasks.select(
                connection, which or TaskFilter(), status=status, before=before, limit=limit + 1, hidden=self.caller.hidden
            )
        more = len(found) > limit
        return Page(found[:limit], base36(found[limit - 1].seq) if more else None)

    def events(self, task_id: UUID | str, *, after: int = 0, limit: int = 1000) -> list[TimelineEvent]:
        """A task's timeline."""
        with self.database.transaction() as connection:
            return tasks.events(connection, self._get(connection, task_id).id, after=after, limit=limit)

    def latest_events(self, task_id: UUID | str, *, logs: bool, before: int | None = None, limit: int) -> list[TimelineEvent]:
        """The newest lines of a task's log, or of the rest of its timeline; of those before a line, if one is named."""
        with self.database.transaction() as connection:
            task = self._get(connection, task_id).id
            return tasks.latest_events(connection, task, logs=logs, before=before, limit=limit)

    def changes(self, since: datetime) -> list[Task]:
        """Tasks that changed since then, whoever asks. A change may show a little late: ask for some seconds twice."""
        with self.database.transaction() as connection:
            return tasks.changed(connection, since)

    def tallies(self) -> Tallies:
        """Sums for whoever watches, over everything, whoever asks."""
        with self.database.transaction() as connection:
            return tallies.read(connection)

    def open_counts(self) -> dict[State, int]:
        """How many tasks there are in each state that somebody may want to do something about."""
        with self.database.transaction() as connection:
            return tasks.open_counts(connection)

    def samples(self, task_id: UUID | str) -> list[Sample]:
        """How far a task was from time to time while it ran."""
        with self.database.transaction() as connection:
            return tasks.samples(connection, self._get(connection, task_id).id)

    def kinds(self) -> list[KindInfo]:
        """The kinds that this process knows."""
        return [k.info() for k in self.registry if self.caller.sees(k.name, None)]

    def kind(self, name: str) -> KindInfo:
        """One kind. Raises KindNotFound."""
        return self._kind(name).info()

    def _kind(self, name: str) -> Kind:
        found = self.registry.get(name)
        if not self.caller.sees(name, None):
            raise KindNotFound(f"There is no kind {name[:60]!r}.")
        return found

    def workers(self) -> list[Worker]:
        """The workers that were heard of lately."""
        with self.database.transaction() as connection:
            return workers.living(connection, within=max(3.0, self.settings.lease * 2))

    def health(self, wanted: Collection[str] = PARTS) -> Health:
        """Whether the wanted parts are there: database, broker and a worker."""
        parts = dict.fromkeys(PARTS, "ok")
        try:
            if {"database", "worker"}.intersection(wanted) and not [w for w in self.workers() if not w.draining]:
                parts["worker"] = "No worker has been heard of lately; start one with `waystation worker`."
        except DatabaseUnavailable as error:
            parts["database"], parts["worker"] = error.detail, "Not known while the database does not answer."
        if "broker" in wanted and not self.engine.alive():
            parts["broker"] = "The broker (Redis or Valkey) does not answer."
        return Health({name: said for name, said in parts.items() if name in wanted})

    # -- limits
    def limits(self) -> list[Limit]:
        """What operators have set for kinds, datasets and queues."""
        with self.database.transaction() as connection:
            return limits.every_limit(connection)

    def limit(
        self,
        scope: str,
        name: str,
        *,
        running: int | None = None,
        held: bool = False,
        actor: str,
        reason: str | None = None,
    ) -> Limit | None:
        """Let at most `running` tasks of a kind, a dataset or a queue run at a time, or begin none (`held`) for now.

        With neither, nothing is wanted of it any more. Tasks that run already go on.
        Raises InvalidRequest, InvalidName, NotAllowed.
        """
        self.caller.require(Need.MANAGE)
        if scope not in SCOPES:
            raise InvalidRequest(f"There is no scope {scope!r}; the scopes are {', '.join(SCOPES)}.")
        if scope == "kind":
            self.registry.get(name)
        if scope == "dataset" and (held or running is not None):  # what was set once can be taken away, whatever its name
            check_dataset_name(name)
        if running is not None and running < 0:
            raise InvalidRequest("`running` must be 0 or more.")
        with self.database.transaction() as connection:
            made = limits.put(connection, scope=scope, name=name, running=running, held=held, reason=reason, set_by=actor)
            set_to: dict[str, JsonValue] = {"running": running, "held": held}
            audit.note(connection, actor, Act.LIMIT_SET, about=f"{scope} {name}", reason=reason, data=set_to)
        with self.database.transaction() as connection:
            waiting = tasks.waiting_queues(connection)
        for queue in waiting:
            self.engine.ring(queue)
        return made

    # -- datasets
    def datasets(self) -> list[Dataset]:
        """All datasets."""
        with self.database.transaction() as connection:
            return [d for d in datasets.every_dataset(connection) if d.name not in self.caller.hidden.datasets]

    def dataset(self, name: str) -> Dataset:
        """One dataset; DatasetNotFound without one."""
        with self.database.transaction() as connection:
            return self._dataset(connection, name)

    def _dataset(self, connection: Connection, name: str) -> Dataset:
        self._must_see_dataset(name)
        found = datasets.get(connection, name)
        if found is None:
            raise DatasetNotFound(f"There is no dataset named {name[:60]!r}.")
        return found

    def _must_see_dataset(self, name: JsonValue) -> None:
        if isinstance(name, str) and name in self.caller.hidden.datasets:
            raise DatasetNotFound(f"There is no dataset named {name[:60]!r}.")

    def batches(self, name: str) -> list[Batch]:
        """The batches of a dataset; DatasetNotFound without one."""
        with self.database.transaction() as connection:
            self._dataset(connection, name)
            return datasets.batches(connection, name)

    def dataset_size(self, name: str) -> int:
        """Bytes on the disk of what readers see of a dataset."""
        self._must_see_dataset(name)
        with self.database.transaction() as connection:
            return datasets.size(connection, name)

    def preview(self, name: str, limit: int = 20) -> tuple[list[str], list[list[str | None]]]:
        """The names of a dataset's columns, and its first rows as text."""
        with self.database.transaction() as connection:
            dataset = self._dataset(connection, name)
            return [c.name for c in dataset.columns], datasets.preview(connection, dataset, limit)

    def holds(self, task_id: UUID | str) -> Holds:
        """What a task has brought about so far, for whoever wants to know before taking it back."""
        with self.database.transaction() as connection:
            task = self._get(connection, task_id)
            kind = self.registry.find(task.kind)
            held = datasets.holds(connection, task)
            return replace(held, own_undo=kind is not None and kind.takes_back)

    # -- what a task gives
    def note_taken(self, task_id: UUID | str, act: Act, *, actor: str, data: Mapping[str, JsonValue] | None = None) -> None:
        """Note that somebody is given what a task made. Raises TaskNotFound."""
        with self.database.transaction() as connection:
            audit.note_task(connection, actor, act, self._get(connection, task_id), data=data)

    def result(self, task_id: UUID | str) -> ResultFile:
        """A task's result file; NoResult without one."""
        task = self.get(task_id)
        file = (task.result or {}).get("file") if task.state is State.SUCCEEDED else None
        if not file:
            raise NoResult(f"Task {task.id} is {states.task_status(task)} and has no result file.")
        return ResultFile(file["path"], file["name"], file["size"], file["sha256"], file["media_type"], self.files)

    def reject_rows(self, task_id: UUID | str, *, after: int = 0, limit: int = 100) -> list[dict[str, JsonValue]]:
        """Rejected rows in file order, after a record number: record, line, col, value, reason, fields."""
        with self.database.transaction() as connection:
            return staging.rejects(connection, self._get(connection, task_id).id, after=after, limit=limit)

    def reject_header(self, task_id: UUID | str) -> list[str]:
        """The header of the file that a task's rejects came from."""
        with self.database.transaction() as connection:
            return staging.reject_header(connection, self._get(connection, task_id).id)

    def rejects(self, task_id: UUID | str) -> Iterator[bytes]:
        """The rejected rows as a CSV to mend and upload again, a thousand rows at a time in memory."""
        task = self.get(task_id)
        with self.database.transaction() as connection:
            header = staging.reject_header(connection, task.id)
        return rejects_csv(header, self._every_reject(task.id))

    def _every_reject(self, task_id: UUID) -> Iterator[Reject]:
        after = 0
        while rows := self.reject_rows(task_id, after=after, limit=1000):
            for r in rows:
                yield Reject(r["line"], r["record"], r["col"], r["value"], r["reason"], tuple(r["fields"]))
            after = rows[-1]["record"]

    # -- the verbs
    def act(
        self,
        verb: Verb,
        task_id: UUID | str,
        *,
        actor: str,
        reason: str | None = None,
        params: Mapping[str, JsonValue] | None = None,
    ) -> Task:
        """Ask a verb of a task. Asked again, it changes nothing; VerbNotPossible says what is possible instead.

        `params` changes what the kind lets a retry change. Raises Busy when the row stays locked, NotAllowed.
        """
        task, changed = self._ask(verb, task_id, actor=actor, reason=reason, params=params)
        return self._after(task) if changed else task

    def act_many(
        self, verb: Verb, which: TaskFilter, *, actor: str, reason: str | None = None, limit: int = 1000
    ) -> list[Outcome]:
        """Ask a verb of every task that fits, newest first; each answers for itself."""
        with self.database.transaction() as connection:
            found = tasks.select(connection, which, limit=limit, hidden=self.caller.hidden)
        out: list[Outcome] = []
        for task in found:
            try:
                now, changed = self._ask(verb, task.id, actor=actor, reason=reason)
                out.append(Outcome(self._after(now) if changed else now, changed))
            except (VerbNotPossible, NotAllowed) as error:
                out.append(Outcome(task, False, error))
        return out

    def _ask(
        self,
        verb: Verb,
        task_id: UUID | str,
        *,
        actor: str,
        reason: str | None,
        params: Mapping[str, JsonValue] | None = None,
    ) -> tuple[Task, bool]:
        """One guarded write, decided anew each time another one came first: a refusal never comes from a race."""
        with self.database.transaction() as connection:
            while True:
                task = self._get(connection, task_id)
                self.caller.require_own(task.created_by, f"Task {task.id}")
                answer = states.answer(verb, task.situation)
                if isinstance(answer, states.Refusal):
                    raise _refused(verb, task, answer)
                changed, secrets = self._changed_params(connection, verb, task, params)
                if isinstance(answer, states.Nothing):
                    return task, False
                fresh = isinstance(answer, states.Move)
                shift = partial(
                    tasks.shift,
                    connection,
                    task,
                    answer,
                    crashes=0 if fresh else None,
                    tries=0 if fresh else None,
                    params=changed,
                    secrets=secrets,
                )
                take = isinstance(answer, states.Move) and answer.take
                with _one_at_a_time(connection, task.kind, task.unique_key if fresh else None):
                    moved = self._by_force(connection, task, shift) if take else shift()
                if moved is None:
                    connection.commit()
                    continue
                data: dict[str, JsonValue] = {"verb": verb, "from": task.state}
                if params and changed:
                    data["params"] = {name: changed[name] for name in params if name in changed}
                if isinstance(answer, states.Ask):
                    event = f"{verb} asked" if answer.wish else "pause taken back"
                else:
                    event = answer.event
                    if answer.goal:
                        data["goal"] = answer.goal
                audit.note_task(connection, actor, Act(f"task.{verb}"), task, reason=reason, data=data)
                asked = NewEvent(task.id, event, actor, moved.attempt, reason=reason or None, data=data)
                tasks.write_events(connection, [asked])
                break
        if take:
            # Its lease is gone: now its connections, whose locks would be in the way of the clean-up, and its process.
            with self.database.transaction() as connection:
                end_backends(connection, attempt_name(task.id, task.attempt))
            if task.message:
                self.engine.kill(task.message)
        return moved, True

    def _by_force(self, connection: Connection, task: Task, shift: Callable[[], Task | None]) -> Task | None:
        """Take the lease of an attempt that runs. If it holds the row's lock itself (it may be frozen, or dead with its server
        process alive), its connections are ended first; else it is left in peace until its lease is gone, or it would
        notice, and give its task to the next."""
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(FORCE_AFTER)))
                moved = shift()
                connection.execute("SET LOCAL lock_timeout TO DEFAULT")
                return moved
        except psycopg.errors.LockNotAvailable:
            end_backends(connection, attempt_name(task.id, task.attempt))
            return shift()

    def _changed_params(
        self, connection: Connection, verb: Verb, task: Task, params: Mapping[str, JsonValue] | None
    ) -> tuple[dict[str, JsonValue] | None, dict[str, str] | None]:
        """The parameters and their secrets as a retry changes them; None where nothing is to change."""
        if not params:
            return None, None
        kind = self.registry.get(task.kind)
        fixed = set(params) - set(kind.changeable)
        if verb is not Verb.RETRY or fixed:
            may = f"only {', '.join(kind.changeable)}" if kind.changeable else "none of its parameters"
            raise InvalidParams(f"A retry of {task.kind!r} may change {may}; no other verb changes parameters.")
        return parted(kind.parse({**whole(task.params, tasks.secrets(connection, task.id)), **params}))

    def _after(self, task: Task) -> Task:
        """What follows a verb that changed something: let go at once where that needs no worker, and ring for the rest."""
        if task.state in (State.STOPPED, State.TERMINATED):
            return self._let_go_of_uploads(task)
        if task.state is State.REVERTING and not task.held and self._needs_no_worker(task):
            done = self._revert_at_once(task)
            if done is not None:
                return done
        if task.state in (State.QUEUED, State.REVERTING) and not task.held:
            self.engine.ring(task.queue)
        return task

    def _needs_no_worker(self, task: Task) -> bool:
        kind: Kind | None = self.registry.find(task.kind)
        return kind is not None and (not kind.takes_back or task.goal is Goal.TERMINATED)

    def _let_go_of_uploads(self, task: Task) -> Task:
        with self.database.transaction() as connection:
            holdings.release(connection, self.files, task.id, lock_timeout=self.settings.publish_lock_timeout)
        return task

    def _revert_at_once(self, task: Task) -> Task | None:
        """Drop, detach, unlink: no row is touched, so there is no need to wait for a worker. None leaves it to one."""
        assert task.goal is not None
        end = states.move(State.REVERTING, states.END[task.goal])
        kind = self.registry.find(task.kind)
        for number in range(AT_ONCE_TRIES):
            try:
                with self.database.pool.connection() as connection:
                    holdings.release(connection, self.files, task.id, lock_timeout=self.settings.publish_lock_timeout)
                    result = holdings.without_file(task.result) if task.goal is Goal.UNDONE else None
                    leftovers = task.leftovers
                    if task.goal is Goal.TERMINATED:
                        own_undo = kind is not None and kind.undo_steps is not None
                        leftovers = holdings.left_standing(connection, task, own_undo=own_undo)
                    moved = tasks.reverted(connection, task, end.to, result=result, leftovers=leftovers)
                    if moved is None:  # a worker was first
                        connection.rollback()
                        return None
                    ended = NewEvent(task.id, end.event, "control", task.attempt)
                    tasks.write_events(connection, [ended])
                return moved
            except StorageUnavailable:
                return None
            except psycopg.errors.LockNotAvailable:
                time.sleep(0.02 * 2**number)
            except psycopg.OperationalError:
                return None
        return None


@contextmanager
def _one_at_a_time(connection: Connection, kind: str, unique_key: str | None) -> Iterator[None]:
    """A write that may bring a task to life. Raises AlreadyUnderWay, naming the other, when one with its key is alive."""
    if unique_key is None:
        yield
        return
    try:
        with connection.transaction():
            yield
    except psycopg.errors.UniqueViolation as error:
        other = tasks.under_way(connection, kind, unique_key)
        named = {"task_id": str(other.id), "task_status": states.task_status(other)} if other else {}
        said = f": {other.id}, which is {states.task_status(other)}" if other else ", or was a moment ago"
        raise AlreadyUnderWay(f"A task of kind {kind!r} for {unique_key!r} is under way{said}.", **named) from error


def _refused(verb: Verb, task: Task, refusal: states.Refusal) -> VerbNotPossible:
    possible = [str(v) for v in states.possible(task.situation)]
    return VerbNotPossible(
        f"Task {task.id} is {states.task_status(task)}: {verb} is not possible, since {refusal.why}.",
        remedy=f"Possible now: {', '.join(possible)}." if possible else "Nothing can be done to it any more.",
        task_status=states.task_status(task),
        possible=possible,
    )


def _request_hash(
    connection: Connection,
    kind: str,
    params: Mapping[str, JsonValue],
    secrets: Mapping[str, str],
    when: Mapping[str, JsonValue],
) -> str:
    """What was asked, to tell a repeated request by: a file sent again has another id, and the same bytes."""
    asked = dict(params)
    with suppress(ValueError):  # a kind of somebody's own may call something else `upload`
        if asked.get("upload") and (sent := uploads.get(connection, UUID(str(asked["upload"])))):
            asked["upload"] = sent.sha256
    request = [kind, asked, *([secrets] if secrets else []), *([when] if when else [])]
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def base36(number: int) -> str:
    """A place in the list of tasks as pages name it: `int(text, 36)` is its inverse."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits or "0"
