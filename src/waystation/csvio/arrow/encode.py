"""The encoder of loops: rows in COPY's binary format, the same bytes as the compiled one's.

What is wrong with a bad record the plain encoder says; it also encodes what the loops were not made for: escapes, other
encodings than UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from waystation.csvio import binary, plain
from waystation.csvio.arrow.cells import Ints
from waystation.csvio.arrow.columns import TYPES, Column, Pool, absent, check
from waystation.csvio.arrow.rows import join
from waystation.csvio.arrow.split import Split, split
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encoded, Zone
from waystation.csvio.reading import Ragged
from waystation.csvio.rejects import copy_rows

_MOST = 2**29  # bytes of a chunk: Arrow counts up to 2**31


def encode(
    chunk: bytes,
    dialect: Dialect,
    columns: Sequence[ColumnPlan],
    *,
    width: int,
    batch: int,
    first_record: int,
    first_line: int,
    ragged: Ragged = "reject",
) -> Encoded:
    """See encode.py of the folder above."""
    known = dialect.encoding == "utf-8" and {plan.type for plan in columns} <= TYPES
    if not known or dialect.escapes(chunk) or len(chunk) > _MOST:
        return plain.encode(
            chunk, dialect, columns, width=width, batch=batch, first_record=first_record, first_line=first_line, ragged=ragged
        )
    found = split(chunk, dialect, width, ragged)
    rows = np.flatnonzero(~found.bad)
    pool = Pool(found.pool, 2 * found.within)
    made = [_column(plan, found, rows, width, pool) for plan in columns]
    wrong = np.zeros(len(rows), np.bool_)
    for column in made:
        wrong |= column.bad
    if wrong.any():
        found.bad[rows[wrong]] = True
        rows, made = rows[~wrong], [column.some(~wrong) for column in made]
    bad = np.flatnonzero(found.bad)
    return Encoded(
        data=join(made, pool, batch, rows + first_record) if len(rows) else b"",
        binary=True,
        rows_good=len(rows),
        rows_bad=len(bad),
        records=len(found.bad),
        lines=found.lines,
        reject_rows=_rejects(chunk, dialect, columns, found, bad, width, first_record, first_line, ragged),
        zones=_zones(columns, made),
    )


def _column(plan: ColumnPlan, found: Split, rows: Ints, width: int, pool: Pool) -> Column:
    if plan.position is None:
        return absent(plan, len(rows))
    if plan.position >= width:
        raise IndexError(f"no record has a field {plan.position}")
    return check(plan, *found.column(plan.position, rows), pool)


def _rejects(
    chunk: bytes,
    dialect: Dialect,
    columns: Sequence[ColumnPlan],
    found: Split,
    bad: Ints,
    width: int,
    first_record: int,
    first_line: int,
    ragged: Ragged,
) -> bytes:
    if not len(bad):
        return b""
    places = list(zip((bad + first_record).tolist(), (found.line(bad) + first_line).tolist(), strict=True))
    records = b"".join([chunk[begin:end] for begin, end in zip(found.begin[bad], found.end[bad], strict=True)])
    return copy_rows(plain.refuse(records, dialect, columns, width=width, places=places, ragged=ragged))


def _zones(columns: Sequence[ColumnPlan], made: Sequence[Column]) -> dict[str, Zone]:
    zones = {}
    for plan, column in zip(columns, made, strict=True):
        if column.keys is not None and len(keys := column.keys[~column.null]):
            least, greatest = (binary.zone_text(plan.type, int(key)) for key in (keys.min(), keys.max()))
            zones[plan.name] = (least, greatest, len(keys))
    return zones
