"""One chunk of CSV to rows for `COPY … FROM STDIN` in text format, and the rejects with their places and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from waystation.csvio.column import check, escape
from waystation.csvio.dialect import Dialect
from waystation.csvio.reading import Wrong, read
from waystation.csvio.rejects import Reject, shown, storable
from waystation.csvio.types import TYPES


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A column to import: its place in the file (from 0), its name in the dataset and its type, a key of TYPES."""

    position: int
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of a chunk.

    `data` holds the good rows in file order: `_batch`, `_row`, then the planned columns. `records` = good + bad; `lines` are
    those of the chunk, blank ones too. `zones` has the least and the greatest value of each date or timestamp column among
    the good rows, as ISO text; a column with no value is not in it.
    """

    data: bytes
    rows_good: int
    rows_bad: int
    records: int
    lines: int
    rejects: list[Reject]
    zones: dict[str, tuple[str, str]]


def encode(
    chunk: bytes,
    dialect: Dialect,
    columns: Sequence[ColumnPlan],
    *,
    width: int,
    batch: int,
    first_record: int,
    first_line: int,
) -> Encoded:
    """Check and encode a chunk of whole records, as read_chunk gives them.

    `width` is the number of fields that each record must have; `first_record` and `first_line` are the numbers, from 1, of
    the chunk's first record and line in the file. Of a row with several bad cells, the first in the order of `columns` is
    named. Bad rows cost about what good ones do.
    """
    found = read(chunk, dialect, width=width, first_line=first_line)
    wrong = found.wrong
    where: list[int] | range = range(len(found.fields))  # the index of each row that is still good
    rows = found.fields
    if wrong:
        where = [at for at in where if at not in wrong]
        rows = [rows[at] for at in where]
    cells: list[tuple[str, ...]] = list(zip(*rows, strict=True)) if rows else [()] * width

    texts: list[Sequence[str]] = []
    keep = bytearray(b"\1") * len(rows)
    for plan in columns:
        made, bad = check(TYPES[plan.type], cells[plan.position])
        texts.append(made)
        if bad:
            for number, value in enumerate(cells[plan.position]):
                if value in bad and keep[number]:
                    keep[number] = 0
                    wrong[where[number]] = Wrong(plan.position, value, bad[value])
    if not all(keep):
        texts = [list(compress(made, keep)) for made in texts]
        where = list(compress(where, keep))

    names = {plan.position: plan.name for plan in columns}
    rejects = [
        Reject(
            line=found.starts[at],
            record=first_record + at,
            column=None if what.position is None else names.get(what.position),
            value=shown(what.value),
            reason=what.reason,
            fields=tuple(map(storable, found.fields[at])),
        )
        for at, what in sorted(wrong.items())
    ]
    return Encoded(
        data=_copy_rows(columns, texts, batch, [first_record + at for at in where]),
        rows_good=len(where),
        rows_bad=len(rejects),
        records=len(found.fields),
        lines=found.lines,
        rejects=rejects,
        zones=_zones(columns, texts),
    )


def _zones(columns: Sequence[ColumnPlan], texts: Sequence[Sequence[str]]) -> dict[str, tuple[str, str]]:
    return {
        plan.name: (min(seen), max(seen))
        for plan, made in zip(columns, texts, strict=True)
        if plan.type in ("date", "timestamp") and (seen := set(made) - {""})
    }


def _copy_rows(
    columns: Sequence[ColumnPlan], texts: Sequence[Sequence[str]], batch: int, records: Sequence[int]
) -> bytes:
    if not records:
        return b""
    heads = [f"{batch}\t{record}" for record in records]
    bodies = [escape(made, free_text=plan.type == "text") for plan, made in zip(columns, texts, strict=True)]
    return ("\n".join(map("\t".join, zip(heads, *bodies, strict=True))) + "\n").encode()
