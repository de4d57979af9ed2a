"""The compiled encoder: one pass of C over the bytes, without Python's lock. Rows in COPY's binary format.

It finds which records are bad; what is wrong with each is said by Python as the plain encoder says it: there is one copy of
the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter

from waystation.csvio import _encode, plain
from waystation.csvio.column import why_not
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encoded
from waystation.csvio.reading import wrong_width
from waystation.csvio.rejects import Reject, shown, storable_fields
from waystation.csvio.types import TYPES

_FIRST_DAY, _MIDNIGHT = date(2000, 1, 1), datetime(2000, 1, 1)
_record = attrgetter("record")


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
    data, good, records, lines, zones, (misfits, others, places) = _encode.encode(
        chunk, ord(dialect.delimiter), ord(dialect.quote), width, plans, batch, first_record
    )
    rejects = list(_misfits(misfits, dialect, columns, width, first_record, first_line)) if misfits else []
    if places:
        where = [(first_record + record, first_line + line) for record, line in places]
        rejects += plain.refuse(others, dialect, columns, width=width, places=where)
        rejects.sort(key=_record)
    return Encoded(
        data=data,
        binary=True,
        rows_good=good,
        rows_bad=len(rejects),
        records=records,
        lines=lines,
        rejects=rejects,
        zones={
            plan.name: (_text(plan.type, zone[0]), _text(plan.type, zone[1]))
            for plan, zone in zip(columns, zones, strict=True)
            if zone
        },
    )


def _misfits(
    found: _encode.Misfits, dialect: Dialect, columns: Sequence[ColumnPlan], width: int, first_record: int, first_line: int
) -> Iterator[Reject]:
    """The rejects of cells that do not fit, each reason found once for each value, and of wrong numbers of fields."""
    names = {plan.position: plan.name for plan in columns}
    reasons: list[dict[str, str]] = [{} for _ in columns]
    for record, line, at, fields in found:
        column: str | None
        if at < 0:
            wrong = wrong_width(fields, dialect, width)
            column, value, reason = None, wrong.value, wrong.reason
        else:
            plan = columns[at]
            column, value = names[plan.position], fields[plan.position]
            if value not in reasons[at]:
                reasons[at][value] = why_not(TYPES[plan.type], value)
            reason = reasons[at][value]
        yield Reject(first_line + line, first_record + record, column, shown(value), reason, storable_fields(fields))


def _text(kind: str, key: int) -> str:
    """The text of a zone's end. Of a day the key is its number; of a time microseconds x 8 + the digits after the second."""
    if kind == "date":
        return (_FIRST_DAY + timedelta(days=key)).isoformat()
    micros, places = key >> 3, key & 7
    made = (_MIDNIGHT + timedelta(microseconds=micros)).isoformat(" ", "microseconds")
    return made[: -6 + places] if places not in (0, 6) else made if places else made[:-7]
