"""A batch filled through several lanes at once: each stream copies into a part of its own, chunk after chunk in turns."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from types import TracebackType

from waystation.sdk.batches import BatchWriter
from waystation.sdk.lanes import Lane
from waystation.storage import staging
from waystation.storage.db import Connection
from waystation.storage.staging import SUMMARIZED, LedgerRow, Part

__all__ = ["LedgerRow", "Part", "Streams"]


class Streams:
    """Put chunks in the order of the file; each goes to the next stream in turn, and `settled` tells them in that order.

    A chunk is committed with its ledger row, apart from the checkpoint and maybe ahead of it. The ledger is the truth about
    what is in: whoever goes on from a checkpoint asks it first. Use as a context manager.
    """

    def __init__(self, lane: Callable[[], Lane], batch: BatchWriter, *, indexed: Sequence[int] = ()) -> None:
        """`indexed`: what `indexed` said when the checkpoint was made from which this goes on."""
        known = list(indexed) or [0] * len(batch.parts)
        self._streams = [_Stream(lane(), batch, part, at) for part, at in zip(batch.parts, known, strict=True)]
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

    @property
    def indexed(self) -> list[int]:
        """For each part, up to which page its index knows the rows: for the cursor, lest all be left to the end."""
        return [stream.indexed for stream in self._streams]

    def finish(self) -> None:
        """All chunks are settled: let the indexes know the rows that they do not know yet."""
        for done in [stream.finish() for stream in self._streams]:
            done.result()

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for stream in self._streams:
            stream.lane.close()


class _Stream:
    """A lane and the part that it alone fills, so that rows lie there nearly in the order of the file."""

    def __init__(self, lane: Lane, batch: BatchWriter, part: Part, indexed: int) -> None:
        self.lane, self.part = lane, part
        self._batch = batch
        self._last: Future[float] | None = None
        self._sizes: deque[int] = deque(maxlen=2)  # pages of the part before the last chunks
        self.indexed = indexed  # up to this page, in what is committed
        self._summarized = indexed  # and with what is under way

    def begin(self, row: LedgerRow, data: bytes, rejects: bytes, binary: bool) -> Future[float]:
        if self._last is not None:
            wait([self._last])
            if self._last.exception() is None:
                self.indexed = self._summarized

        def fill(db: Connection) -> float:
            began = time.monotonic()
            self._summarize(db)
            self._batch.add(row, data, rejects=rejects, binary=binary, part=self.part, db=db)
            return time.monotonic() - began

        self._last = self.lane.start(fill)
        return self._last

    def _summarize(self, db: Connection) -> None:
        """Pages that were full two chunks ago: few rows come into them any more (PostgreSQL fills holes later, too)."""
        pages = staging.pages(db, self.part)
        full = self._sizes[0] // SUMMARIZED * SUMMARIZED if len(self._sizes) == 2 else 0
        if full > self._summarized:
            staging.summarize(db, self.part, first=self._summarized, end=full)
            self._summarized = full
        self._sizes.append(pages)

    def finish(self) -> Future[None]:
        return self.lane.start(lambda db: staging.summarize_rest(db, self.part))
