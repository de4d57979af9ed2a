"""The compiled encoder: one pass of C over the bytes, without Python's lock. Rows in COPY's binary format.

It says what is wrong with a record in the words of words.py, which it is handed; about the few records where it can't, it asks
the plain encoder. What a column's `check` bars is found out beforehand: each distinct value once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import get_args

from waystation.csvio import _encode, binary, plain
from waystation.csvio.column import objection
from waystation.csvio.days import how_written
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encoded
from waystation.csvio.formats import ORDERS, SEPARATORS
from waystation.csvio.reading import Ragged
from waystation.csvio.rejects import Reject, copy_rows, copy_text
from waystation.csvio.types import TYPES
from waystation.csvio.words import MONTHS, Phrase

_PHRASES = tuple(Phrase[name].encode() for name in _encode.PHRASES)
_MONTHS = tuple(month.encode() for month in MONTHS)
_ORDERS = tuple(ORDERS)
_RAGGED = get_args(Ragged)
_SEED = int.from_bytes(os.urandom(8))


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
    if dialect.encoding != "utf-8" or not {plan.type for plan in columns}.issubset(_encode.TYPES):
        return plain.encode(
            chunk, dialect, columns, width=width, batch=batch, first_record=first_record, first_line=first_line, ragged=ragged
        )
    barred = _barred(chunk, dialect, columns, width, ragged)
    given = tuple(_column(plan, barred.get(n, ())) for n, plan in enumerate(columns))
    data, rejects, good, records, lines, zones, (asked, places) = _encode.encode(
        chunk, dialect.marks, width, _RAGGED.index(ragged), given, batch, first_record, first_line, _PHRASES, _MONTHS, _SEED
    )
    if places:
        at = [(record, line) for record, line, _ in places]
        refused = plain.refuse(asked, dialect, columns, width=width, places=at, ragged=ragged)
        rejects = b"".join(_spliced(rejects, [place for _, _, place in places], refused))
    return Encoded(
        data=data,
        binary=True,
        rows_good=good,
        rows_bad=records - good,
        records=records,
        lines=lines,
        reject_rows=rejects,
        zones={
            plan.name: (binary.zone_text(plan.type, zone[0]), binary.zone_text(plan.type, zone[1]), zone[2])
            for plan, zone in zip(columns, zones, strict=True)
            if zone
        },
    )


def last_end(data: bytes, dialect: Dialect) -> int:
    """See chunks.py."""
    return _encode.last_end(data, dialect.marks)


Barred = tuple[tuple[bytes, bytes], ...]


def _barred(chunk: bytes, dialect: Dialect, columns: Sequence[ColumnPlan], width: int, ragged: Ragged) -> dict[int, Barred]:
    """By the number of a column: the values in this chunk that its `check` objects to, and why."""
    judged = {n: plan for n, plan in enumerate(columns) if plan.check is not None and plan.position is not None}
    if not judged:
        return {}
    wanted = tuple((_position(plan), _nulls(plan)) for plan in judged.values())
    found = _encode.distinct(chunk, dialect.marks, width, _RAGGED.index(ragged), wanted, _SEED)
    return {n: tuple(_judge(plan, values)) for (n, plan), values in zip(judged.items(), found, strict=True)}


def _judge(plan: ColumnPlan, values: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for value in values:
        try:
            reason = objection(plan, value.decode())
        except UnicodeDecodeError:  # its record is bad for that
            continue
        if reason is not None:
            yield value, copy_text(reason).encode()


def _column(plan: ColumnPlan, barred: Barred) -> _encode.Column:
    form = plan.format
    return (
        _position(plan),
        plan.type,
        copy_text(plan.name).encode(),
        TYPES[plan.type].noun.encode(),
        how_written(plan.type, form).encode(),
        _ORDERS.index(form.dates),
        form.decimal.encode(),
        tuple(sign.encode() for sign in SEPARATORS[form.thousands]),
        _nulls(plan),
        plan.required,
        form.guarded,
        barred,
    )


def _position(plan: ColumnPlan) -> int:
    return -1 if plan.position is None else plan.position


def _nulls(plan: ColumnPlan) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in plan.format.nulls)


def _spliced(rejects: bytes, places: Sequence[int], rows: Sequence[Reject]) -> Iterator[bytes]:
    """The rejects with those rows that were missing at these places."""
    at = 0
    for place, row in zip(places, rows, strict=True):
        yield rejects[at:place]
        yield copy_rows([row])
        at = place
    yield rejects[at:]
