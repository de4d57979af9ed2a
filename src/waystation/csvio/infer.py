"""Guess each column's type from samples across the whole file.

A type is taken only if it fits nearly all the sampled values, and nearly all of the first sample, whose records are certain:
a sample that was cut wrongly can make a column text, but never a type that its rows do not fit.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

from waystation.csvio.dialect import Dialect
from waystation.csvio.records import Record, scan
from waystation.csvio.sniff import Sniffed
from waystation.csvio.types import TYPES
from waystation.csvio.words import quoted

TOLERANCE = 0.05  # share of sampled values that a type may leave to the rejects
SAMPLE_RECORDS = 300
_LEAST, _MOST = 32 * 1024, 1024 * 1024  # bytes of a sample
_ALIGNED = 0.9  # share of a sample's records that must have the header's number of fields

# In this order, the first of equals wins: 1 and 0 are whole numbers, not booleans.
_CANDIDATES = ("boolean", "bigint", "numeric", "double", "date", "timestamp")
_NOT_INFERRED = {
    "boolean": re.compile(r"(?!(?:true|false)\Z)", re.IGNORECASE | re.ASCII).match,  # yes, t and 1 would be changed
    "double": re.compile(r"[+-]?(?:nan|inf)", re.IGNORECASE).match,
}
_code = re.compile(r"[+-]?0[0-9]+|\+[0-9 ()/.-]+").fullmatch  # a number would lose the zeros or the plus


@dataclass(frozen=True, slots=True)
class Inferred:
    """A column's name and type, why it is that type, in words, and its position in the file (from 0)."""

    name: str
    type: str
    why: str
    position: int


def infer(source: BinaryIO, sniffed: Sniffed, *, samples: int = 50) -> tuple[Inferred, ...]:
    """Read up to `samples` places of some hundred records each, by seek, and choose a type for each column not dropped."""
    first, others = _read_samples(source, sniffed, samples)
    width = len(sniffed.header)
    found = []
    for position, name in enumerate(sniffed.names):
        if position in sniffed.dropped:
            continue
        sure = Counter(row[position] for row in first if len(row) == width and row[position])
        every = sure + Counter(row[position] for row in others if row[position])
        kind, why = _choose(sure, every)
        found.append(Inferred(name, kind, why, position))
    return tuple(found)


def _choose(sure: Counter[str], every: Counter[str]) -> tuple[str, str]:
    total = every.total()
    if not total:
        return "text", "no value in the samples"
    coded = next((value for value in every if _code(value)), None)
    best: tuple[int, str, str | None] | None = None
    for kind in _CANDIDATES:
        if coded is not None and kind in ("bigint", "numeric", "double"):
            continue
        misfits, example = _misfits(kind, every, int(total * TOLERANCE))
        if misfits is None or (best and misfits >= best[0]):
            continue
        if _misfits(kind, sure, int(sure.total() * TOLERANCE))[0] is None:
            continue
        best = misfits, kind, example
        if not misfits:
            break
    if best is None:
        if coded is not None:
            return "text", f"a number would change values such as {quoted(_shown(coded))}"
        return "text", f"no other type fits {total:,} sampled values"
    misfits, kind, example = best
    words = TYPES[kind].values
    if example is None:
        return kind, f"all {total:,} sampled values are {words}"
    return kind, f"{total - misfits:,} of {total:,} sampled values are {words}; {quoted(_shown(example))} is not"


def _misfits(kind: str, values: Counter[str], allowed: int) -> tuple[int | None, str | None]:
    """How many values do not fit, and one of them; None if more than are allowed."""
    parse, barred = TYPES[kind].parse, _NOT_INFERRED.get(kind)
    count, example = 0, None
    for value, times in values.items():
        try:
            if not (barred and barred(value)):
                parse(value)
                continue
        except ValueError:
            pass
        count += times
        example = value
        if count > allowed:
            return None, value
    return count, example


def _shown(value: str) -> str:
    """Samples are read as Latin-1; people see them as UTF-8."""
    return value.encode("latin-1").decode("utf-8", "replace")


def _read_samples(source: BinaryIO, sniffed: Sniffed, samples: int) -> tuple[list[list[str]], list[list[str]]]:
    """The records of the first sample, and those of all the others that could be aligned."""
    size = source.seek(0, 2)
    begin, dialect, width = sniffed.data_offset, sniffed.dialect, len(sniffed.header)
    source.seek(begin)
    data = source.read(_MOST)
    first = [r for r in scan(data, dialect, eof=begin + len(data) >= size) if r.fields]
    if begin + len(data) >= size:
        return [record.fields for record in first], []
    step = min(_MOST, max(_LEAST, SAMPLE_RECORDS * len(data) // max(1, len(first))))
    others: list[list[str]] = []
    for place in range(1, samples):
        at = begin + (size - begin - step) * place // max(1, samples - 1)
        source.seek(max(begin, at))
        others += aligned(source.read(step), dialect, width)
    return [record.fields for record in first], others


def aligned(data: bytes, dialect: Dialect, width: int) -> list[list[str]]:
    """The records of a piece of the file that begins anywhere; none if it is not certain where they begin.

    The piece may begin in a bare field, at a field's beginning or within quotes: it is read in each of these ways, and
    those must not disagree that give records of the right width.
    """
    readings: list[list[Record]] = []
    for lead in (b"x", b"", (dialect.quote or "").encode()):
        records = list(scan(lead + data, dialect, eof=False))[1:]  # the first one is the rest of a record
        records = [Record(r.fields, r.end - len(lead), r.lines) for r in records if r.fields]
        right = sum(len(record.fields) == width for record in records)
        if records and right >= _ALIGNED * len(records):
            readings.append(records)
    if not readings:
        return []
    agreed = min(readings, key=len)  # what all of them have; the others may have read the inside of a field as rows
    tail = _tail(agreed)
    if any(_tail(other) != tail for other in readings):
        return []
    # The first record may still be read wrongly where two ways meet only after it.
    return [record.fields for record in agreed[1:] if len(record.fields) == width]


def _tail(records: list[Record]) -> tuple[int, list[str]]:
    return records[-1].end, records[-1].fields
