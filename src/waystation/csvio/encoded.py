"""What goes into the encoders besides bytes, and what comes out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from waystation.csvio.dialect import Dialect
from waystation.csvio.formats import PLAIN, ValueFormat
from waystation.csvio.reading import Ragged
from waystation.csvio.rejects import Reject, read_rows


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A column to import: its place in the file (from 0), its name in the dataset and its type, a key of TYPES.

    `position`: None for a column that the file does not have: it is null. `format`: how its values are written. `required`: a
    null is a reject. `check`: gets the canonical text of a value that is not null (as PostgreSQL would read it: a date as
    YYYY-MM-DD, a number with a point) and returns what is wrong with it in words, or None; of equal values it may see one.
    """

    position: int | None
    name: str
    type: str
    format: ValueFormat = PLAIN
    required: bool = False
    check: Callable[[str], str | None] | None = None


Zone = tuple[str, str, int]  # least, greatest, rows with a value


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of a chunk.

    `data` holds the good rows in file order: `_batch`, `_row` (both bigint), then the planned columns. It is all that
    `COPY … FROM STDIN` wants to hear, in text format, or if it is `binary` in binary format, head and end included; with no
    good row it is empty. `records` = good + bad; `lines` are those of the chunk, blank ones too. `reject_rows` holds the bad
    rows in file order, in COPY's text format: record, line, column (null if the record as a whole is wrong), value, reason,
    fields (JSON). `zones` has the least and the greatest value of each date or timestamp column among the good rows, as ISO
    text, and how many of them have a value; a column with none is not in it.
    """

    data: bytes
    binary: bool
    rows_good: int
    rows_bad: int
    records: int
    lines: int
    reject_rows: bytes
    zones: dict[str, Zone]

    @property
    def rejects(self) -> list[Reject]:
        """The bad rows as objects, made anew from `reject_rows` each time: for those who look at a few."""
        return read_rows(self.reject_rows)


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
        ragged: Ragged = "reject",
    ) -> Encoded: ...
