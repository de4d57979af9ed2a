"""The columns of a chunk: which cells are bad, which null, and the values of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waystation.csvio import binary
from waystation.csvio.arrow import values
from waystation.csvio.arrow.cells import Bools, Bytes, Cells, Ints, offsets_of
from waystation.csvio.arrow.numbers import Doubles, double, plainly
from waystation.csvio.column import parse
from waystation.csvio.encoded import ColumnPlan

AS_WRITTEN = ("text", "json")  # types whose values are sent as they stand in the file
_FORMS = {"integer": ">i4", "bigint": ">i8", "double": ">f8", "boolean": "i1", "date": ">i4", "timestamp": ">i8", "time": ">i8"}
TYPES = {*AS_WRITTEN, *_FORMS, "numeric", "uuid"}


@dataclass(slots=True)
class Column:
    """What became of a column: in which rows it is bad or null, and its values.

    Values of one length are in `fixed`, the bytes of each in a row; of others `ids` has the numbers in a pool, and `length` how
    many bytes they have. `keys` are those of a date or timestamp column, for its zone.
    """

    bad: Bools
    null: Bools
    fixed: Bytes | None = None
    ids: Ints | None = None
    length: Ints | None = None
    keys: Ints | None = None

    def some(self, which: Bools) -> Column:
        """That of some rows."""
        fixed = None if self.fixed is None else self.fixed[which]
        ids, length, keys = (None if part is None else part[which] for part in (self.ids, self.length, self.keys))
        return Column(self.bad[which], self.null[which], fixed, ids, length, keys)


class Pool:
    """Values of any length, by numbers; that of an empty one is `nothing`."""

    def __init__(self, first: pa.BinaryArray, nothing: int) -> None:
        self.nothing = nothing
        self._arrays, self._count = [first], len(first)

    def add(self, more: pa.BinaryArray) -> int:
        """Add values; the number of the first of them."""
        self._arrays.append(more)
        self._count += len(more)
        return self._count - len(more)

    def take(self, ids: Ints | npt.NDArray[np.int32]) -> pa.BinaryArray:
        """The values with these numbers."""
        whole = self._arrays[0] if len(self._arrays) == 1 else pa.concat_arrays(self._arrays)
        return whole.take(pa.array(ids.astype(np.int32, copy=False)))


def check(plan: ColumnPlan, cells: Cells, ids: Ints, pool: Pool) -> Column:
    """Check the cells of a column; `ids` are their numbers in the pool."""
    null = cells.length == 0
    for word in plan.format.nulls:
        null |= cells.equal(word.encode())
    made = Column(null.copy() if plan.required else np.zeros(len(cells), np.bool_), null)
    if plan.type in AS_WRITTEN:
        made.ids, made.length = ids.copy(), cells.length.copy()
    fits = _loops(plan, cells, pool, made) if plan.check is None else _none(plan, made)
    left = np.flatnonzero(~(null | fits))
    if len(left):
        found = pool.take(ids[left]).dictionary_encode()
        texts = [_canonical(plan, value) for value in found.dictionary.to_pylist()]
        numbers = found.indices.to_numpy()
        right = np.array([text is not None for text in texts], np.bool_)[numbers]
        made.bad[left[~right]] = True
        if plan.type not in AS_WRITTEN or plan.format.guarded:
            _put(plan.type, made, left, numbers, texts, pool)
    return made


def absent(plan: ColumnPlan, rows: int) -> Column:
    """A column that the file does not have."""
    made = Column(np.full(rows, plan.required), np.ones(rows, np.bool_))
    if plan.type in AS_WRITTEN:
        made.ids = made.length = np.zeros(rows, np.int64)
    _none(plan, made)
    return made


def _canonical(plan: ColumnPlan, value: bytes) -> str | None:
    try:
        return parse(plan, value.decode())
    except ValueError:
        return None


def _none(plan: ColumnPlan, made: Column) -> Bools:
    """Read nothing, but make room for what will be."""
    rows = len(made.bad)
    if plan.type == "numeric":
        made.ids, made.length = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    elif plan.type == "uuid":
        made.fixed = np.zeros((rows, 16), np.uint8)
    elif plan.type not in AS_WRITTEN:
        made.fixed = _raw(plan.type, np.zeros(rows, np.int64))
        if plan.type in ("date", "timestamp"):
            made.keys = np.zeros(rows, np.int64)
    return np.zeros(rows, np.bool_)


def _loops(plan: ColumnPlan, cells: Cells, pool: Pool, made: Column) -> Bools:
    """Read what the loops can read; which cells that is."""
    kind = plan.type
    if kind in ("integer", "bigint", "numeric", "double") and not plan.format.plain_numbers:
        cells = plainly(cells, plan.format)
    match kind:
        case "text":
            fits = np.ones(len(cells), np.bool_)
            return fits & (cells.first() != ord("'")) if plan.format.guarded else fits  # a guard begins with that
        case "integer" | "bigint":
            fits, found = values.whole(cells)
            if kind == "integer":
                fits &= (found >= -(2**31)) & (found < 2**31)
            made.fixed = _raw(kind, found)
        case "numeric":
            fits, numerics = values.numeric(cells)
            made.ids, made.length = pool.add(numerics) + np.arange(len(cells)), np.diff(offsets_of(numerics))
        case "double":
            fits, real = double(cells)
            made.fixed = _raw(kind, real)
        case "date":
            fits, made.keys = values.date(cells, plan.format.dates)
            made.fixed = _raw(kind, made.keys)
        case "timestamp":
            fits, made.keys = values.timestamp(cells, plan.format.dates)
            made.fixed = _raw(kind, made.keys >> 3)
        case "time":
            fits, found, _ = values.clock(cells)
            made.fixed = _raw(kind, found)
        case "uuid":
            fits, made.fixed = values.uuid(cells)
        case _:
            return _none(plan, made)
    return fits


def _put(kind: str, made: Column, rows: Ints, numbers: Ints, texts: Sequence[str | None], pool: Pool) -> None:
    """The values of these rows, given the canonical texts and the number of each row's."""
    if made.ids is not None:
        assert made.length is not None
        packed = binary.numeric if kind == "numeric" else str.encode
        more = pa.array([b"" if text is None else packed(text) for text in texts], pa.binary())
        made.ids[rows] = pool.add(more) + numbers
        made.length[rows] = np.diff(offsets_of(more))[numbers]
        return
    assert made.fixed is not None
    if kind == "uuid":
        whole = b"".join(bytes(16) if text is None else bytes.fromhex(text.replace("-", "")) for text in texts)
        made.fixed[rows] = np.frombuffer(whole, np.uint8).reshape(-1, 16)[numbers]
        return
    found = np.array([0 if text is None else binary.number(kind, text) for text in texts])[numbers]
    if made.keys is not None:
        made.keys[rows] = found
    made.fixed[rows] = _raw(kind, found >> 3 if kind == "timestamp" else found)


def _raw(kind: str, found: Ints | Doubles) -> Bytes:
    """The bytes of each number."""
    form = np.dtype(_FORMS[kind])
    return found.astype(form).view(np.uint8).reshape(-1, form.itemsize)
