"""The compiled encoder: one pass of C over the bytes, without Python's lock. Rows in COPY's binary format.

It finds which records are bad; what is wrong with each is said by the plain encoder, so that there is one copy of the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from waystation.csvio import _encode, plain
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encoded

_FIRST_DAY, _MIDNIGHT = date(2000, 1, 1), datetime(2000, 1, 1)


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
    """See encode.py. What it was not built for (another encoding, a type of later days) is left to the plain encoder."""
    if dialect.encoding != "utf-8" or not _encode.TYPES.issuperset(plan.type for plan in columns):
        return plain.encode(chunk, dialect, columns, width=width, batch=batch, first_record=first_record, first_line=first_line)
    plans = [(plan.position, plan.type) for plan in columns]
    data, good, records, lines, zones, (bad, places) = _encode.encode(
        chunk, ord(dialect.delimiter), ord(dialect.quote), width, plans, batch, first_record
    )
    where = [(first_record + record, first_line + line) for record, line in places]
    return Encoded(
        data=data,
        binary=True,
        rows_good=good,
        rows_bad=len(where),
        records=records,
        lines=lines,
        rejects=plain.refuse(bad, dialect, columns, width=width, places=where) if where else [],
        zones={
            plan.name: (_text(plan.type, zone[0]), _text(plan.type, zone[1]))
            for plan, zone in zip(columns, zones, strict=True)
            if zone
        },
    )


def _text(kind: str, key: int) -> str:
    """The text of a zone's end. Of a day the key is its number; of a time microseconds x 8 + the digits after the second."""
    if kind == "date":
        return (_FIRST_DAY + timedelta(days=key)).isoformat()
    micros, places = key >> 3, key & 7
    made = (_MIDNIGHT + timedelta(microseconds=micros)).isoformat(" ", "microseconds")
    return made[: -6 + places] if places not in (0, 6) else made if places else made[:-7]
