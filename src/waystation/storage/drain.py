"""Take the rows of `COPY (…) TO STDOUT` out of a connection, thousands at a time.

psycopg makes a Python object of each row, which costs more than the server's work. The compiled drain takes the rows from the
same libpq that psycopg uses, whose functions it finds through psycopg's own module; where either is not at hand, the rows are
taken one by one, with the same bytes.

PostgreSQL sends a message for each row. Rows carry numbers in front, each with the delimiter behind it, which are taken off
here: were the rows ever cut otherwise, the numbers would be missing, and that is an error and no silent harm.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import pq, sql

from waystation.storage.db import Connection

try:
    from waystation.storage import _drain
except ImportError:  # it is optional: an installation without a compiler has none
    _drain = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Taken:
    """Some rows: their bytes without the numbers, how many they are, the numbers of the last one, whether more may come."""

    data: bytes
    rows: int
    last: tuple[int, ...]
    more: bool


def in_order(connection: Connection, query: sql.Composed, *, delimiter: str) -> Taken:
    """All rows of a COPY whose rows begin with one number, in the order of these numbers.

    The bytes are held whole, twice where the rows did not come in order. Raises psycopg.Error.
    """
    with open_copy(connection, query, delimiter=delimiter, numbers=1) as rows:
        return rows.take(ordering=True)


@contextmanager
def open_copy(connection: Connection, query: sql.Composed, *, delimiter: str, numbers: int) -> Iterator[Rows]:
    """Begin a COPY whose rows begin with so many numbers; take them by `take`. The connection is to be in autocommit.

    A COPY that is left before its end makes the connection useless: close it.
    """
    if _libpq is None:
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            yield _PlainRows(copy, delimiter, numbers)
        return
    began = connection.pgconn.exec_(query.as_bytes(connection))
    if began.status != pq.ExecStatus.COPY_OUT:  # PQexec has taken all results already
        raise _error(connection, began)
    yield _CompiledRows(connection, delimiter, numbers)


class Rows:
    """The rows of a COPY that is under way."""

    def take(self, most: int = 0, *, ordering: bool = False) -> Taken:
        """The next `most` rows at most (0: all). ordering: by their first number, not as they come. Raises psycopg.Error."""
        raise NotImplementedError


class _CompiledRows(Rows):
    def __init__(self, connection: Connection, delimiter: str, numbers: int) -> None:
        self._connection, self._delimiter, self._numbers = connection, ord(delimiter), numbers

    def take(self, most: int = 0, *, ordering: bool = False) -> Taken:
        assert _libpq is not None
        pgconn = self._connection.pgconn
        address: int | None = pgconn.pgconn_ptr  # type: ignore[attr-defined]  # every implementation has it
        assert address is not None, "the connection is closed"
        data, rows, last, state = _drain.drain(*_libpq, address, self._delimiter, self._numbers, most, ordering)
        if state != 0:
            ends = list(iter(pgconn.get_result, None))  # to the last one, so that the connection can be used again
            for end in ends:
                if end.status == pq.ExecStatus.FATAL_ERROR:
                    raise _error(self._connection, end)
            if state != 1:
                raise psycopg.OperationalError(pgconn.get_error_message())
        return Taken(data, rows, last[: self._numbers], state == 0)


def _error(connection: Connection, result: pq.abc.PGresult) -> psycopg.Error:
    if connection.broken:  # then the words are libpq's own, and carry no code to make a class of
        return psycopg.OperationalError(connection.pgconn.get_error_message())
    return psycopg.errors.error_from_result(result)


class _PlainRows(Rows):
    def __init__(self, copy: psycopg.Copy, delimiter: str, numbers: int) -> None:
        self._rows, self._delimiter, self._numbers = iter(copy), delimiter.encode(), numbers

    def take(self, most: int = 0, *, ordering: bool = False) -> Taken:
        found: list[tuple[tuple[int, ...], bytes]] = []
        more = False
        for row in self._rows:
            *numbers, rest = bytes(row).split(self._delimiter, self._numbers)
            if len(numbers) != self._numbers or not all(n.isdigit() for n in numbers):
                raise ValueError("a row came without its number")
            found.append((tuple(map(int, numbers)), rest))
            if len(found) == most:
                more = True
                break
        last = found[-1][0] if found else (0,) * self._numbers
        if ordering:
            found.sort(key=lambda one: one[0])
        return Taken(b"".join(rest for _, rest in found), len(found), last, more)


def _find_libpq() -> tuple[int, int] | None:
    """The addresses of PQgetCopyData and PQfreemem in the very libpq that psycopg uses; None where they can't be had."""
    if _drain is None or pq.__impl__ not in ("binary", "c"):
        return None
    module = "psycopg_binary.pq" if pq.__impl__ == "binary" else "psycopg_c.pq"
    try:
        found = ctypes.CDLL(__import__(module, fromlist=["pq"]).__file__)  # a library's symbols, or those of what it needs
        if found.PQlibVersion() != pq.version():
            return None
        functions = [ctypes.cast(f, ctypes.c_void_p).value for f in (found.PQgetCopyData, found.PQfreemem)]
    except (ImportError, OSError, AttributeError):
        return None
    get, free = functions
    return (get, free) if get and free else None


_libpq = _find_libpq()
