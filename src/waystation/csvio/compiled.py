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
from waystation.csvio.formats import PLAIN
from waystation.csvio.reading import Ragged, wrong_width
from waystation.csvio.rejects import Reject, copy_rows, shown, storable_fields

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
    ragged: Ragged = "reject",
) -> Encoded:
    """See encode.py. What it was not built for (another encoding, a type of later days) is left to the plain encoder."""
    plans = [(plan.position, plan.type) for plan in columns if _offered(plan)]
    if len(plans) < len(columns) or not _read(dialect) or ragged != "reject":
        return plain.encode(
            chunk, dialect, columns, width=width, batch=batch, first_record=first_record, first_line=first_line, ragged=ragged
        )
    assert dialect.quote
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
        reject_rows=copy_rows(rejects),
        zones={
            plan.name: (_text(plan.type, zone[0]), _text(plan.type, zone[1]))
            for plan, zone in zip(columns, zones, strict=True)
            if zone
        },
    )


def _offered(plan: ColumnPlan) -> bool:
    """Whether the compiled pass can check this column."""
    exact = plan.position is not None and not plan.required and plan.check is None
    return exact and plan.format == PLAIN and plan.type in _encode.TYPES


def _read(dialect: Dialect) -> bool:
    """Whether the compiled pass can read files that are written so."""
    return dialect.encoding == "utf-8" and bool(dialect.quote) and not dialect.escape and dialect.doublequote


def _misfits(
    found: _encode.Misfits, dialect: Dialect, columns: Sequence[ColumnPlan], width: int, first_record: int, first_line: int
) -> Iterator[Reject]:
    """The rejects of cells that do not fit, each reason found once for each value, and of wrong numbers of fields."""
    reasons: list[dict[str, str]] = [{} for _ in columns]
    for record, line, at, fields in found:
        column: str | None
        if at < 0:
            wrong = wrong_width(fields, dialect, width)
            column, value, reason = None, wrong.value, wrong.reason
        else:
            plan = columns[at]
            assert plan.position is not None
            column, value = plan.name, fields[plan.position]
            if value not in reasons[at]:
                reasons[at][value] = why_not(plan, value)
            reason = reasons[at][value]
        yield Reject(first_line + line, first_record + record, column, shown(value), reason, storable_fields(fields))


def _text(kind: str, key: int) -> str:
    """The text of a zone's end. Of a day the key is its number; of a time microseconds x 8 + the digits after the second."""
    if kind == "date":
        return (_FIRST_DAY + timedelta(days=key)).isoformat()
    micros, places = key >> 3, key & 7
    made = (_MIDNIGHT + timedelta(microseconds=micros)).isoformat(" ", "microseconds")
    return made[: -6 + places] if places not in (0, 6) else made if places else made[:-7]
