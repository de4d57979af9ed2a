"""Rows of COPY's binary format out of columns: what stands between two texts is made for all at once, then joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from waystation.csvio.arrow.cells import Bools, Bytes, Ints, binary, bytes_of
from waystation.csvio.arrow.columns import Column, Pool
from waystation.csvio.binary import HEAD, TAIL

_ROW = np.dtype([("count", ">i2"), ("eight", ">i4"), ("batch", ">i8"), ("also_eight", ">i4"), ("record", ">i8")])


@dataclass(slots=True)
class _Stretch:
    """Fields of every row up to one of the pool's values: their bytes side by side, and which of them a row has (None: all)."""

    parts: list[Bytes] = field(default_factory=list)
    kept: list[tuple[int, int, Bools]] = field(default_factory=list)
    width: int = 0

    def add(self, part: Bytes, without: Bools | None = None) -> None:
        """Add bytes to all rows but those `without` them."""
        if without is not None and without.any():
            self.kept.append((self.width, self.width + part.shape[1], ~without))
        self.parts.append(part)
        self.width += part.shape[1]

    def made(self, rows: int) -> tuple[Bytes, Ints]:
        """The bytes row after row, and where those of each row begin and end."""
        whole = np.concatenate(self.parts, axis=1)
        if not self.kept:
            return whole.ravel(), np.arange(rows + 1) * self.width
        kept = np.ones(whole.shape, np.bool_)
        for low, high, some in self.kept:
            kept[:, low:high] = some[:, None]
        return whole[kept], np.append(0, np.cumsum(kept.sum(axis=1)))


def join(columns: Sequence[Column], pool: Pool, batch: int, records: Ints) -> bytes:
    """All that COPY wants to hear; `records` are the numbers of the rows."""
    rows = len(records)
    head = np.empty(rows, _ROW)
    head["count"], head["eight"], head["also_eight"], head["batch"], head["record"] = len(columns) + 2, 8, 8, batch, records
    stretch = _Stretch()
    stretch.add(head.view(np.uint8).reshape(rows, -1))
    order: list[Ints] = []
    for column in columns:
        width = 0 if column.fixed is None else column.fixed.shape[1]
        length = np.where(column.null, -1, width if column.length is None else column.length)
        stretch.add(length.astype(">i4").view(np.uint8).reshape(rows, 4))
        if column.fixed is not None:
            stretch.add(column.fixed, column.null)
            continue
        assert column.ids is not None
        order += [_numbered(stretch, rows, pool), np.where(column.null, pool.nothing, column.ids)]
        stretch = _Stretch()
    if not order:
        body = pa.py_buffer(stretch.made(rows)[0])
    else:
        if stretch.parts:
            order.append(_numbered(stretch, rows, pool))
        ids = np.empty((rows, len(order)), np.int32)
        for at, numbers in enumerate(order):
            ids[:, at] = numbers
        body = bytes_of(pool.take(ids.ravel()))
    return b"".join((HEAD, body, TAIL))


def _numbered(stretch: _Stretch, rows: int, pool: Pool) -> Ints:
    return pool.add(binary(*stretch.made(rows))) + np.arange(rows)
