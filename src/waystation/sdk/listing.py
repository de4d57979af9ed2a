"""What an export reads: pinned, in the order of the files, fetched ahead by two connections while the last rows are written."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psycopg

from waystation.sdk.sorted import Page, Place, pages
from waystation.storage import drain, reading
from waystation.storage.db import Connection
from waystation.storage.reading import Question, Stretch
from waystation.storage.sorting import Order

READERS = 2  # connections that read at the same time
TRIES = 3  # to read a stretch, where connections are lost
AHEAD = 4  # stretches that are read or wait to be written: what they hold is all the memory that an export needs


Pack = Callable[[bytes], bytes]


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows in order, as they stand in the file. place: where to go on. passed: rows that were looked at for it."""

    data: bytes
    rows: int
    place: tuple[int, int]
    passed: int


class Listing:
    """The rows that readers of a dataset saw when they were pinned; the same after a pause of three days."""

    def __init__(self, db: Connection, task: UUID, connect: Callable[[], Connection], rows: int = 0) -> None:
        self._db, self._task, self._connect = db, task, connect
        self.rows = rows  # of all pinned batches

    def least(self, column: str) -> str | None:
        """The earliest day or moment in a column of dates, told from the ledger; None if that knows of none."""
        chunks = reading.pinned_chunks(self._db, self._task, after=(0, -1))
        return min((chunk.zones[column][0] for chunk in chunks if column in chunk.zones), default=None)

    def read(
        self,
        question: Question,
        *,
        after: tuple[int, int] = (0, -1),
        stretch_rows: int = 100_000,
        pack: Pack = _as_it_is,
    ) -> Generator[Piece, None, None]:
        """The rows that are wanted, in the order of the files, from a place on. Close it, and nobody reads any more.

        stretch_rows: rows that are looked at for a piece, unless they were imported in larger chunks. Where pieces end depends
        on this and the listing alone, whatever the place where one began. pack: what is made of a piece's bytes, if it has
        rows, in the thread that read them.
        """
        chunks = reading.pinned_chunks(self._db, self._task, after=after)
        with _Readers(self._connect, pack) as readers:
            waiting: deque[Future[Piece]] = deque()
            for stretch in reading.stretches(chunks, question.may_match, stretch_rows):
                waiting.append(readers.submit(question, stretch))
                if len(waiting) == AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def read_sorted(
        self, question: Question, order: Order, *, after: Place | None, page_rows: int, pack: Pack = _as_it_is
    ) -> Generator[Page, None, None]:
        """The rows that are wanted, in the order of a column, behind a place. Close it, and nobody reads any more."""
        parts = reading.pinned_parts(self._db, self._task)
        return pages(self._connect, question, order, parts, after=after, rows=page_rows, pack=pack)


class _Readers:
    """Threads with a connection each, opened when the first rows are asked of them."""

    def __init__(self, connect: Callable[[], Connection], pack: Pack) -> None:
        self._connect, self._pack = connect, pack
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._all: list[Connection] = []
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="read")

    def submit(self, question: Question, stretch: Stretch) -> Future[Piece]:
        return self._pool.submit(self._read, question, stretch)

    def _read(self, question: Question, stretch: Stretch) -> Piece:
        if not stretch.relations:
            return Piece(b"", 0, stretch.place, stretch.passed)
        mark = question.layout.separator
        for tries in range(TRIES):
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._open()
            try:
                taken = drain.in_order(connection, reading.copy_stretch(question, stretch), delimiter=mark)
            except psycopg.OperationalError:
                # A connection that was lost costs a stretch, which can be read again, and not the task.
                if not connection.broken or tries + 1 == TRIES:
                    raise
            else:
                self._idle.put(connection)
                data = self._pack(taken.data) if taken.rows else b""
                return Piece(data, taken.rows, stretch.place, stretch.passed)
        raise AssertionError("unreachable")

    def _open(self) -> Connection:
        connection = self._connect()
        self._all.append(connection)
        reading.prepare(connection)
        return connection

    def __enter__(self) -> _Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for connection in list(self._all):
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=1)
        self._pool.shutdown(wait=True)
        for connection in self._all:
            connection.close()
