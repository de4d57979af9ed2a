"""The compiled drain against plain Python, with a libpq made up here: any rows, in any order, in any portions."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

_drain = pytest.importorskip("waystation.storage._drain")

_libc = ctypes.CDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]
_Get = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int)
_Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class MadeUp:
    """What PQgetCopyData and PQfreemem do, for these rows; `held` counts what was not given back."""

    def __init__(self, rows: Sequence[bytes], end: int = -1) -> None:
        self._rows: Iterator[bytes] = iter(rows)
        self._end, self.held = end, 0
        self._functions = _Get(self._get), _Free(self._free)
        self.addresses = [ctypes.cast(f, ctypes.c_void_p).value for f in self._functions]

    def _get(self, connection: int, buffer: ctypes._Pointer[ctypes.c_void_p], asynchronous: int) -> int:
        assert (connection, asynchronous) == (7, 0)
        row = next(self._rows, None)
        if row is None:
            return self._end
        at = _libc.malloc(max(len(row), 1))
        ctypes.memmove(at, row, len(row))
        buffer[0] = at
        self.held += 1
        return len(row)

    def _free(self, at: int) -> None:
        _libc.free(at)
        self.held -= 1

    def drain(self, delimiter: bytes, numbers: int, most: int, ordering: bool) -> tuple[bytes, int, tuple[int, int], int]:
        found: tuple[bytes, int, tuple[int, int], int]
        found = _drain.drain(*self.addresses, 7, ord(delimiter), numbers, most, ordering)
        return found


texts = st.binary(max_size=30)


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), texts), max_size=40, unique_by=lambda row: row[0]), st.booleans())
def test_in_the_order_of_the_numbers(rows: list[tuple[int, bytes]], sorted_before: bool) -> None:
    rows = sorted(rows) if sorted_before else rows
    made = MadeUp([b"%d,%s\n" % row for row in rows])
    data, count, last, state = made.drain(b",", 1, 0, True)
    assert data == b"".join(text + b"\n" for _, text in sorted(rows))
    assert (count, state, made.held) == (len(rows), 1, 0)
    assert not rows or last[0] == rows[-1][0]


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 9), texts), max_size=30), st.integers(1, 12))
def test_in_portions_as_they_come(rows: list[tuple[int, int, bytes]], most: int) -> None:
    made = MadeUp([b"%d;%d;%s\n" % row for row in rows])
    taken = b""
    for start in range(0, len(rows) + 1, most):
        portion = rows[start : start + most]
        data, count, last, state = made.drain(b";", 2, most, False)
        taken += data
        assert count == len(portion)
        assert state == (0 if len(portion) == most else 1)
        assert not portion or last == portion[-1][:2]
    assert taken == b"".join(text + b"\n" for *_, text in rows)
    assert made.held == 0


@pytest.mark.parametrize("ordering", [True, False])
def test_many_rows_and_large_ones(ordering: bool) -> None:
    numbers = list(range(9_000))
    random.Random(1).shuffle(numbers)
    texts = {n: b"x" * 70_000 if n % 1000 == 7 else b"%d" % n for n in numbers}
    data, *_ = MadeUp([b"%d\t%s\n" % (n, texts[n]) for n in numbers]).drain(b"\t", 1, 0, ordering)
    assert data == b"".join(texts[n] + b"\n" for n in (sorted(numbers) if ordering else numbers))


@pytest.mark.parametrize(
    "row", [b"", b"1", b",x", b"x,y", b"-1,x", b"9223372036854775808,x", b"99999999999999999999,x", b"1;x"]
)
def test_a_row_without_its_number_is_an_error(row: bytes) -> None:
    made = MadeUp([b"1,fine\n", row])
    with pytest.raises(ValueError, match="without its number"):
        made.drain(b",", 1, 0, True)
    assert made.held == 0


def test_a_connection_that_breaks_is_told_from_the_end() -> None:
    assert MadeUp([b"1,a\n"], end=-2).drain(b",", 1, 0, True) == (b"a\n", 1, (1, 0), 2)


def test_wrong_arguments_are_refused() -> None:
    for numbers, most, ordering in ((3, 0, False), (-1, 0, False), (1, -1, False), (2, 0, True), (0, 0, True)):
        with pytest.raises(ValueError, match="wrong numbers"):
            MadeUp([]).drain(b",", numbers, most, ordering)
