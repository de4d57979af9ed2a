"""What goes into the encoders besides bytes, and what comes out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from waystation.csvio.dialect import Dialect
from waystation.csvio.rejects import Reject


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A column to import: its place in the file (from 0), its name in the dataset and its type, a key of TYPES."""

    position: int
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of a chunk.

    `data` holds the good rows in file order: `_batch`, `_row` (both bigint), then the planned columns. It is all that
    `COPY … FROM STDIN` wants to hear, in text format, or if it is `binary` in binary format, head and end included; with no
    good row it is empty. `records` = good + bad; `lines` are those of the chunk, blank ones too. `zones` has the least and the
    greatest value of each date or timestamp column among the good rows, as ISO text; a column with no value is not in it.
    """

    data: bytes
    binary: bool
    rows_good: int
    rows_bad: int
    records: int
    lines: int
    rejects: list[Reject]
    zones: dict[str, tuple[str, str]]


class Encode(Protocol):
    """Check and encode a chunk of whole records, as read_chunk gives them; encode.py says more."""

    def __call__(
        self,
        chunk: bytes,
        dialect: Dialect,
        columns: Sequence[ColumnPlan],
        *,
        width: int,
        batch: int,
        first_record: int,
        first_line: int,
    ) -> Encoded: ...
