"""Cells in a piece of memory, many at a time: their places, what stands in them, and the distinct ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PAD = 64  # bytes around the memory of cells: a window as wide as that may be laid over any of them


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one column: where each begins in `data` (which has PAD bytes more at both ends) and its length in bytes."""

    data: Bytes
    start: Ints
    length: Ints

    def __len__(self) -> int:
        return len(self.start)

    def some(self, which: Bools | Ints) -> Cells:
        """Those that a mask or numbers name."""
        return Cells(self.data, self.start[which], self.length[which])

    def first(self) -> Bytes:
        """The first byte of each; of an empty one whatever follows."""
        return self.data[self.start]

    def left(self, width: int) -> Bytes:
        """The first bytes of each, those at the same place side by side; beyond a cell's end anything."""
        return _windows(self.data, width, self.start)

    def right(self, width: int) -> Bytes:
        """The same for the last bytes of each; before a cell's beginning anything."""
        return _windows(self.data, width, self.start + self.length - width)

    def equal(self, word: bytes) -> Bools:
        """Which of them are this word."""
        found: Bools = self.length == len(word)
        if len(word) > PAD:  # too long to lay a window over
            ends = self.start + self.length
            for at in np.flatnonzero(found):
                found[at] = self.data[self.start[at] : ends[at]].tobytes() == word
        elif found.any():
            found[found] = (self.some(found).left(len(word)) == np.frombuffer(word, np.uint8)[:, None]).all(axis=0)
        return found


def _windows(data: Bytes, width: int, start: Ints) -> Bytes:
    # So many bytes at each place are one item of numpy's: they are fetched with one copy.
    items = np.ndarray((len(data) - width + 1,), f"V{width}", data, strides=(1,))
    # What is done to a whole column of bytes side by side takes one or two instructions for sixteen of them.
    return np.ascontiguousarray(items[start].view(np.uint8).reshape(-1, width).T)


def padded(pieces: Sequence[bytes | pa.Buffer]) -> bytes:
    """Memory for cells, from pieces."""
    return b"".join((bytes(PAD), *pieces, bytes(PAD)))


def binary(data: object, offsets: Ints | npt.NDArray[np.int32]) -> pa.BinaryArray:
    """An Arrow array over memory: offsets from the beginning of the first value to the end of the last."""
    places = offsets.astype(np.int32, copy=False)
    return pa.Array.from_buffers(pa.binary(), len(places) - 1, [None, pa.py_buffer(places), pa.py_buffer(data)])


def texts(cells: Cells) -> pa.StringArray:
    """Cells of at most PAD bytes, which must be UTF-8, as text of Arrow's."""
    width = int(cells.length.max(initial=1))
    found = cells.left(width).T[np.arange(width) < cells.length[:, None]]
    ends = np.append(0, np.cumsum(cells.length))
    return pa.Array.from_buffers(pa.string(), len(cells), binary(found, ends).buffers())


def cells_of(made: pa.BinaryArray | pa.StringArray) -> Cells:
    """The values of an array as cells."""
    ends = offsets_of(made)
    data = np.frombuffer(padded([bytes_of(made)]), np.uint8)
    return Cells(data, ends[:-1] - ends[0] + PAD, np.diff(ends))


def offsets_of(made: pa.BinaryArray | pa.StringArray) -> Ints:
    """Where its values begin in its buffer, and where the last one ends."""
    return np.frombuffer(made.buffers()[1], np.int32)[made.offset : made.offset + len(made) + 1].astype(np.int64)


def bytes_of(made: pa.BinaryArray | pa.StringArray) -> pa.Buffer:
    """All its values, one after the other."""
    ends = offsets_of(made)
    return made.buffers()[2].slice(ends[0], ends[-1] - ends[0]) if made.buffers()[2] else pa.py_buffer(b"")
