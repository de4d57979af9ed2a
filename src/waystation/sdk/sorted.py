"""The stream of sorted rows: PostgreSQL sorts once for each attempt, and pages are taken from it while others are written."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillAtIt
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from waystation.storage import drain, reading, sorting
from waystation.storage.db import Connection
from waystation.storage.reading import Part, Question
from waystation.storage.sorting import Order

PATIENCE = 0.1  # seconds that one waits for the sort, until the caller is asked whether to go on
TRIES = 3  # in a row, where connections are lost

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Some sorted rows, as they stand in the file, and the place of the last; without rows, the sort is still going on."""

    data: bytes
    rows: int
    place: Place | None


def pages(
    connect: Callable[[], Connection],
    question: Question,
    order: Order,
    parts: Sequence[Part],
    *,
    after: Place | None,
    rows: int,
    pack: Callable[[bytes], bytes],
) -> Generator[Page, None, None]:
    """Pages of so many rows, the last one of what is left, behind a place. Close it, and nothing is read any more."""
    lost = 0
    while True:
        try:
            for page in _stream(connect, sorting.copy_sorted(question, order, parts, after), question, rows, pack):
                if page.rows:
                    after, lost = page.place, 0
                yield page
        except psycopg.OperationalError as error:
            lost += 1
            if lost == TRIES or not isinstance(error, _Lost):
                raise
        else:
            return


class _Lost(psycopg.OperationalError):
    """The connection that read is gone: another one can go on behind the last page."""


def _stream(
    connect: Callable[[], Connection],
    query: sql.Composed,
    question: Question,
    most: int,
    pack: Callable[[bytes], bytes],
) -> Generator[Page, None, None]:
    connection = connect()
    pool = ThreadPoolExecutor(1, thread_name_prefix="sort")
    with ExitStack() as stack:
        stack.callback(connection.close)
        try:
            reading.prepare(connection)
            connection.execute("SET work_mem = '64MB'")
            rows = stack.enter_context(drain.open_copy(connection, query, delimiter=question.layout.separator, numbers=2))
            stack.callback(pool.shutdown)
            stack.callback(_cancel, connection)  # first of all, so that the thread that waits for the server comes back
            coming: Future[drain.Taken] = pool.submit(rows.take, most)
            more = True
            while more:
                try:
                    taken = coming.result(PATIENCE)
                except StillAtIt:
                    yield Page(b"", 0, None)
                    continue
                more = taken.more
                if more:
                    coming = pool.submit(rows.take, most)
                if taken.rows:
                    yield Page(pack(taken.data), taken.rows, (taken.last[0], taken.last[1]))
        except psycopg.OperationalError as error:
            if connection.broken:
                raise _Lost(str(error)) from error
            raise


def _cancel(connection: Connection) -> None:
    """End what the server still does."""
    with suppress(psycopg.Error):
        if not connection.closed:
            connection.cancel_safe(timeout=1)
