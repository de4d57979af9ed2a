"""A batch filled through several lanes at once: each stream copies into a part of its own, chunk after chunk in turns."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from types import TracebackType

from waystation.sdk.batches import BatchWriter
from waystation.sdk.lanes import Lane
from waystation.storage import staging
from waystation.storage.db import Connection
from waystation.storage.staging import LedgerRow, Part

__all__ = ["LedgerRow", "Part", "Streams"]


class Streams:
    """Put chunks in the order of the file; each goes to the next stream in turn, and `settled` tells them in that order.

    A chunk is committed with its ledger row, apart from the checkpoint and maybe ahead of it. The ledger is the truth about
    what is in: whoever goes on from a checkpoint asks it first. Use as a context manager.
    """

    def __init__(self, lane: Callable[[], Lane], batch: BatchWriter) -> None:
        self._streams = [_Stream(lane(), batch, part) for part in batch.parts]
        self._turn = 0
        self._put: deque[tuple[LedgerRow, Future[float] | None]] = deque()

    @property
    def part(self) -> Part:
        """Where the next chunk goes."""
        return self._streams[self._turn].part

    def put(self, row: LedgerRow, data: bytes, *, rejects: bytes, binary: bool) -> None:
        """Begin to write a chunk (see BatchWriter.add), once the stream whose turn it is has done its last one."""
        self._put.append((row, self._streams[self._turn].begin(row, data, rejects, binary)))
        self._turn = (self._turn + 1) % len(self._streams)

    def pass_over(self, row: LedgerRow) -> None:
        """A chunk that is in already comes here."""
        self._put.append((row, None))

    def settled(self, *, wait_for_all: bool = False) -> list[tuple[LedgerRow, float]]:
        """The next chunks, in file order, that are in, each with the seconds that it took; those before them are too.

        Raises what a stream raised, LeaseLost among others.
        """
        found = []
        while self._put and (wait_for_all or self._put[0][1] is None or self._put[0][1].done()):
            row, done = self._put.popleft()
            found.append((row, done.result() if done else 0.0))
        return found

    @property
    def asked(self) -> bool:
        """Whether somebody wishes something of the task: what is asked is obeyed at a yield, so yield soon."""
        return any(stream.lane.asked for stream in self._streams)

    def finish(self) -> None:
        """All chunks are settled: make the indexes, at half the cost of keeping them from the first row on. With five million
        rows it takes a quarter of a second, in which nobody's wish is heard."""
        for done in [stream.finish() for stream in self._streams]:
            done.result()

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for stream in self._streams:
            stream.lane.close()


class _Stream:
    """A lane and the part that it alone fills, so that rows lie there nearly in the order of the file."""

    def __init__(self, lane: Lane, batch: BatchWriter, part: Part) -> None:
        self.lane, self.part = lane, part
        self._batch = batch
        self._last: Future[float] | None = None

    def begin(self, row: LedgerRow, data: bytes, rejects: bytes, binary: bool) -> Future[float]:
        if self._last is not None:
            wait([self._last])

        def fill(db: Connection) -> float:
            began = time.monotonic()
            self._batch.add(row, data, rejects=rejects, binary=binary, part=self.part, db=db)
            return time.monotonic() - began

        self._last = self.lane.start(fill)
        return self._last

    def finish(self) -> Future[None]:
        def index(db: Connection) -> None:
            db.execute("SET LOCAL synchronous_commit = off")  # the publish waits for the disk, and for all before it
            staging.index_rows(db, self.part)

        return self.lane.start(index)
