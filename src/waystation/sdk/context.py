"""What a kind's generator is given: the step's connection, files, datasets, the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Literal, NoReturn, TypeVar
from uuid import UUID

from waystation.csvio.limits import FileLimits
from waystation.csvio.packing import Limits
from waystation.errors import BadRow, UploadNotFound, WrongKind
from waystation.model import Column, Dataset, JsonValue, State, Upload, Wish
from waystation.sdk.batches import BatchWriter
from waystation.sdk.calls import Calls, mapped
from waystation.sdk.effects import Effect, Effects, item_name
from waystation.sdk.filling import NewBatch, check_dataset_name, columns_of
from waystation.sdk.lanes import Lane
from waystation.sdk.listing import Listing
from waystation.sdk.merging import Merge, Merging, OnConflict
from waystation.sdk.result import Result
from waystation.sdk.retry import Retry
from waystation.sdk.rows import Place, Row, items_of, rows_of
from waystation.sdk.steps import Checkpoint
from waystation.sdk.unpacked import open_plain
from waystation.secret import Mask
from waystation.storage import datasets, reading, staging, tasks, uploads
from waystation.storage.db import Connection
from waystation.storage.files import Files, Spool

T = TypeVar("T")
A = TypeVar("A")
CALL_TIMEOUT = 10.0  # seconds that a call outside may take, unless its kind says otherwise


class Context:
    """A task's surroundings during one attempt.

    Between two yields all work on `db` is one transaction, committed together with the checkpoint.
    """

    def __init__(
        self,
        *,
        task: UUID,
        attempt: int,
        kind: str,
        db: Connection | None,
        state: State = State.RUNNING,
        files: Files,
        known_files: dict[str, dict[str, Any]],
        effects: Effects,
        retry: Retry | None = None,
        chunk_rows: int = 200_000,
        unpack_limits: Limits = Limits(500 * 2**30, 200),  # noqa: B008 - it is frozen
        file_limits: FileLimits = FileLimits(),  # noqa: B008 - it is frozen
        connect: Callable[[], Connection] | None = None,
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        self.task = task
        self.attempt = attempt
        self.kind = kind
        self.chunk_rows = chunk_rows
        self.unpack_limits, self.file_limits = unpack_limits, file_limits
        self._db = db
        self._connect = connect or self._no_database  # opens a further connection of this attempt, in autocommit
        self._state = state
        self._draining = draining
        self._lanes: list[Lane] = []
        self._files = files
        self._known = known_files
        self._results: dict[str, Result] = {}
        self._logs: list[tuple[str, dict[str, JsonValue]]] = []
        self._delay: float | None = None
        self._place: Place | None = None
        self.mask = Mask()
        self.calls = Calls(retry)
        self.effects = effects
        self.total: int | None = None  # how much there is to do in all, where the checkpoints do not say
        self.counts: dict[str, int] = {}  # numbers to show beside the progress, where the checkpoints do not say

    # -- for the author
    @property
    def db(self) -> Connection:
        """The step's connection. Do not commit on it: the checkpoint does."""
        return self._db or self._no_database()

    def _no_database(self) -> NoReturn:
        raise WrongKind("There is no database here: play() runs a kind without one.")

    def rows(
        self,
        upload: UUID,
        cursor: JsonValue = None,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        skip_bad: bool = False,
    ) -> Iterator[Row]:
        """The records of an uploaded CSV after `cursor`, as dicts by column; `yield ctx.checkpoint()` keeps the place.

        A file that is packed (gzip, zstd, bzip2, xz, zip) or not UTF-8 is unpacked before its first record, once. encoding: its
        name; without one it is told by the file's bytes.
        skip_bad: leave out records that are wrong, noted in the timeline and counted as `skipped`; else BadRow names the line.
        """

        def skipped(bad: BadRow, number: int) -> None:
            self.counts["skipped"] = number
            self.log(f"skipped a row: {bad.detail}")

        found = self.upload(upload)
        with self.open_upload(upload) as sent, open_plain(self._files, found, sent, encoding, self.unpack_limits) as source:
            size = source.seek(0, 2)
            note = skipped if skip_bad else None
            for row, self._place in rows_of(source, size, cursor, delimiter=delimiter, skipped=note):
                yield row

    def each(self, items: Iterable[T], cursor: JsonValue = None) -> Iterator[T]:
        """The items after the first `cursor` ones, in an order that is always the same; `yield ctx.checkpoint()` keeps the
        place."""
        for item, self._place in items_of(items, cursor):
            yield item

    def checkpoint(self, **counts: int) -> Checkpoint:
        """The checkpoint after the row or item that `rows` or `each` gave last; `counts` are shown beside the progress."""
        if self._place is None:
            raise WrongKind(
                "ctx.checkpoint() has no place to keep: nothing came from ctx.rows(…) or ctx.each(…) yet.",
                remedy="Go through the work with one of these, or yield Checkpoint(cursor=…, done=…).",
            )
        at = self._place
        return Checkpoint(at.cursor, done=at.done, total=at.total, counts=counts)

    def lane(self) -> Lane:
        """A further connection with a thread of its own, for parallel work inside a step; it is closed with the attempt."""
        if self._db is None:
            self._no_database()
        self._lanes.append(Lane(self._connect, self.task, self.attempt, self._state))
        return self._lanes[-1]

    def log(self, text: str, **data: JsonValue) -> None:
        """A line for the task's timeline, kept with the next checkpoint."""
        self._logs.append((text, data))

    def throttle(self, seconds: float) -> None:
        """Give the slot back at the next yield, and come again after so many seconds."""
        self._delay = seconds

    @property
    def wish(self) -> Wish | None:
        """What somebody asks of the task right now; it is obeyed at the next yield. For kinds that wait for something long."""
        return None if self._db is None else tasks.wish(self._db, self.task)

    @property
    def draining(self) -> bool:
        """Whether the worker is asked to end: the next yield gives the task back."""
        return self._draining()

    def idempotency_key(self, item: object) -> str:
        """A key for an outside call about `item`: the same in every attempt of this task, and in no other task."""
        return self.effects.key(item_name(item))

    @property
    def call_timeout(self) -> float:
        """Seconds that a call outside may take, as the kind says: give your client the same."""
        return self.effects.call_timeout

    def remember(self, record: JsonValue, item: object = None) -> Effect:
        """To be called before something is done outside the database: the record is written down for good when this returns.

        Do it with `effect.key`, then `effect.keep(answer)`. When the task is stopped or undone, the kind's `reverse` gets each
        record, latest first, also those without an answer. An earlier attempt may have got further: look at `effect.known`.
        `item`: what the key is made of, if the record is not what tells one from another. Raises LeaseLost.
        """
        return self.effects.remember({item_name(record if item is None else item): record})[0]

    def map(
        self,
        call: Callable[[T], A],
        items: Iterable[T],
        *,
        workers: int = 8,
        remember: bool | Callable[[T], JsonValue] = True,
    ) -> Iterator[tuple[T, A]]:
        """Call `call(item)` for each item, up to `workers` at a time, and give (item, answer) in the order of the items.

        In a kind with a `reverse`, each item (or what `remember` makes of it) is remembered before its call and its answer kept
        after it; False leaves that out. An error that may pass by the kind's `retry` is tried again in place while the wait is
        short. Items of `ctx.rows` and `ctx.each` keep their place for `ctx.checkpoint()`. Before the
        task is given back, the calls on their way are waited for. `call` runs in threads and may not use `ctx.db`.
        """

        def placed() -> Iterator[tuple[T, Place | None]]:
            for item in items:
                yield item, self._place

        def named(item: T) -> tuple[str, JsonValue]:
            return item_name(item), remember(item) if callable(remember) else item

        wanted = callable(remember) or (remember and self.effects.remembers)
        made = mapped(self.calls, self.effects, call, placed(), workers=workers, named=named if wanted else None)
        for item, answer, place in made:
            self._place = place
            yield item, answer

    def upload(self, id: UUID) -> Upload:
        """An upload's name, size and hash; UploadNotFound if it is gone."""
        found = uploads.get(self.db, id)
        if found is None:
            raise UploadNotFound
        return found

    def open_upload(self, id: UUID) -> BinaryIO:
        """Read an upload; seek to a cursor to go on where a step ended. UploadNotFound if it is gone."""
        try:
            return self._files.open(self.upload(id).path)
        except FileNotFoundError as error:
            raise UploadNotFound from error

    def open_spool(self, id: UUID) -> Spool:
        """Write the file that an upload is unpacked to, which goes with the upload; its bytes follow from the upload alone."""
        return self._files.open_spool(self.upload(id).path, self.attempt)

    def open_spooled(self, id: UUID) -> BinaryIO:
        """Read what an upload was unpacked to; UploadNotFound if that is gone."""
        try:
            return self._files.open_spooled(self.upload(id).path)
        except FileNotFoundError as error:
            raise UploadNotFound("What the upload was unpacked to is gone.") from error

    def drop_spool(self, id: UUID) -> None:
        """Nobody needs any more what the upload was unpacked to."""
        self._files.drop_spool(self.upload(id).path)

    def open_result(self, name: str, media_type: str = "text/csv", *, anew: bool = False) -> Result:
        """The file that this task makes, at its checkpointed end; `write` appends to it.

        anew: what earlier attempts wrote of it does not count: for a file that can't be gone on with, only made again.
        """
        made = {n for n, f in self._known.items() if not f.get("draft")} | {n for n, r in self._results.items() if not r.draft}
        if made - {name}:
            raise WrongKind(f"A task makes one result file, and this one has {min(made)!r} already.")
        return self._open_file(name, None if anew else self._known.get(name), media_type, draft=False)

    def open_draft(self, name: str) -> Result:
        """A file that the task writes for itself, at its checkpointed end, and reads (`read`) when it has all of it.

        It is kept through pauses and deaths as a result is, and gone with the task's end.
        """
        return self._open_file(name, self._known.get(name), "application/octet-stream", draft=True)

    def _open_file(self, name: str, known: dict[str, Any] | None, media_type: str, *, draft: bool) -> Result:
        if name not in self._results:
            self._results[name] = Result(self._files, self.task, self.attempt, name, known, media_type, draft=draft)
        return self._results[name]

    def dataset(self, name: str) -> Dataset | None:
        """A dataset as readers see it now."""
        return datasets.get(self.db, name)

    def stage(
        self,
        dataset: str,
        columns: list[Column],
        *,
        mode: str = "append",
        header: Sequence[str] = (),
        parts: int = 1,
        sha256: str | None = None,
    ) -> BatchWriter:
        """Begin the batch that this task publishes when it succeeds; mode: append, replace or dry_run. Fill it by
        sdk.streams.Streams, whose `finish` makes the index that readers look rows up in.

        `header`: names of the fields that rejected rows have. `parts`: into how many tables it is filled side by side.
        `sha256`: of the file that it is made of, by which the same file is noticed when it comes again.
        """
        made = staging.stage(self.db, self.task, dataset, mode, columns, header, parts=parts, indexed=False, sha256=sha256)
        return BatchWriter(self.db, made)

    def batch(self, dataset: str, columns: Mapping[str, str], *, mode: Literal["append", "replace"] = "append") -> NewBatch:
        """The batch that this task fills and publishes when it succeeds: begun at the first call, found again at later ones.

        columns: {name: type}; the types are those of datasets. mode: append to what readers see of the dataset, or replace it;
        either happens in one moment. The kind should be `undoable`: then an undo takes the batch out again.
        Raises InvalidName for a name that is none, and WrongKind for wrong columns.
        """
        check_dataset_name(dataset)
        wanted = columns_of(columns)
        found = staging.staged(self.db, self.task) or staging.stage(self.db, self.task, dataset, mode, wanted)
        if (found.dataset, [(c.name, c.type) for c in found.columns]) != (dataset, [(c.name, c.type) for c in wanted]):
            raise WrongKind(
                f"This task fills a batch of {found.dataset!r} with other columns already.",
                remedy="A task fills one batch: call ctx.batch(…) with the same dataset and columns in every step.",
            )
        return NewBatch(self.db, found)

    def staged(self) -> BatchWriter:
        """The batch that an earlier step of this task began."""
        found = staging.staged(self.db, self.task)
        if found is None:
            raise WrongKind("This task has begun no batch: call ctx.stage(…) in an earlier step.")
        return BatchWriter(self.db, found)

    def merging(
        self, columns: Sequence[Column], key: Sequence[str], on_conflict: OnConflict, *, alone: bool, rewrites: bool
    ) -> Merging:
        """The merge of the staged batch, of these columns, with what readers see of its dataset, or with nothing (`alone`).

        on_conflict: what becomes of a row whose key is there already. `rewrites`: see storage.merging.Merge.
        """
        merge = Merge(self.staged().staged, tuple(columns), tuple(key), on_conflict, rewrites)
        return Merging(self.db, self.task, merge, alone=alone)

    def pin(self, dataset: str) -> Listing:
        """List and hold what readers see of a dataset now, so that this task reads the same rows until it ends."""
        return Listing(self.db, self.task, self._connect, reading.pin(self.db, self.task, dataset))

    def pinned(self) -> Listing:
        """What an earlier step pinned."""
        return Listing(self.db, self.task, self._connect)

    # -- for the runner
    def logs(self) -> list[tuple[str, dict[str, JsonValue]]]:
        """The lines since the last checkpoint."""
        return self._logs

    def take_logs(self) -> list[tuple[str, dict[str, JsonValue]]]:
        """The same, and they are written: forget them."""
        taken, self._logs = self._logs, []
        return taken

    def take_delay(self) -> float | None:
        """The throttle asked since the last checkpoint."""
        taken, self._delay = self._delay, None
        return taken

    def save_files(self) -> dict[str, Any]:
        """Bring the results to the disk; what the checkpoint says of them."""
        for result in self._results.values():
            result.flush()
        return {**self._known, **{name: r.describe() for name, r in self._results.items()}}

    def rest(self) -> None:
        """Wait until no lane is at work: before the task is given back or taken further."""
        for lane in self._lanes:
            lane.rest()

    @property
    def cut_off(self) -> bool:
        """Whether the connection of a lane broke."""
        return any(lane.lost for lane in self._lanes)

    @property
    def control_seconds(self) -> float:
        """What the lanes spent in making sure that the task is still held."""
        return sum(lane.control_seconds for lane in self._lanes)

    def close(self) -> None:
        """Let go of calls, lanes and open files."""
        self.calls.close()
        for lane in self._lanes:
            lane.close()
        for result in self._results.values():
            result.close()
