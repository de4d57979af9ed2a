"""Guess each column's type from samples across the whole file.

A type is taken only if it fits nearly all the sampled values, and nearly all of the first sample, whose records are certain:
a sample that was cut wrongly can make a column text, but never a type that its rows do not fit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import BinaryIO

from waystation.csvio.dialect import Dialect
from waystation.csvio.formats import ORDERS, PLAIN, SEPARATORS, DateOrder, ValueFormat
from waystation.csvio.reading import Ragged, fits, fitted
from waystation.csvio.records import scan, split
from waystation.csvio.sniff import Sniffed
from waystation.csvio.types import TYPES
from waystation.csvio.words import quoted

TOLERANCE = 0.05  # share of sampled values that a type may leave to the rejects
SAMPLE_RECORDS = 50
SAMPLE_LINES = 500  # beyond which a sample is cut off: where the first records are long, the others may be very short
_LEAST, _MOST = 8 * 1024, 1024 * 1024  # bytes of a sample
_FIRST = 128 * 1024  # bytes of the first one, if a record ends in them: nothing goes on until all samples are read
_ALIGNED = 0.9  # share of a sample's records that must have the header's number of fields

# In this order, the first of equals wins: 1 and 0 are whole numbers, not booleans; whole numbers are bigint, since a later file
# may hold larger ones.
_CANDIDATES = ("boolean", "bigint", "numeric", "double", "date", "timestamp", "time", "uuid", "json")
_NUMBERS, _DAYS = frozenset({"bigint", "numeric", "double"}), frozenset({"date", "timestamp"})
_NOT_INFERRED = {
    "boolean": re.compile(r"(?!(?:true|false)\Z)", re.IGNORECASE | re.ASCII).match,  # yes, t and 1 would be changed
    "double": re.compile(r"[+-]?(?:nan|inf)", re.IGNORECASE).match,
    "uuid": re.compile(r"(?!.{8}-)").match,  # a bare row of digits is as well a checksum, and braces would be lost
    "json": re.compile(r"(?!\s*[\[{])").match,  # a number or a word in quotes is JSON too
}
_code = re.compile(r"[+-]?0[0-9]+|\+[0-9 ()/.-]+").fullmatch  # a number would lose the zeros or the plus
_turned = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2[0-9]{4}(?:[T ].*)?", re.DOTALL).fullmatch


@dataclass(frozen=True, slots=True)
class Inferred:
    """A column's name and type, why it is that type, in words, and its position in the file (from 0).

    `dates`: the order of its dates, as far as the file settles it; `doubt`: why it does not, in words, where it should.
    """

    name: str
    type: str
    why: str
    position: int
    dates: DateOrder = "ymd"
    doubt: str = ""


def infer(
    source: BinaryIO,
    sniffed: Sniffed,
    *,
    samples: int = 50,
    form: ValueFormat = PLAIN,
    dates: DateOrder | None = None,
    ragged: Ragged = "reject",
) -> tuple[Inferred, ...]:
    """Read up to `samples` places of some fifty records each, by seek, and choose a type for each column not dropped.

    `form`: how values are written; `dates`: the order of dates if it is known, else it is what the file settles.
    """
    first, others = _read_samples(source, sniffed, samples, ragged)
    nulls = {"", *form.nulls}
    found = []
    for position, name in enumerate(sniffed.names):
        if position in sniffed.dropped:
            continue
        values = _Values(_count(first, position, nulls), _count(others, position, nulls))
        order, proof, doubt = (dates, "", "") if dates else _settle(values)
        kind, why = _choose(values, replace(form, dates=order))
        if kind in _DAYS and proof:
            why += f"; {proof}"
        if kind == "text" and doubt:
            why = doubt
        found.append(Inferred(name, kind, why, position, order, doubt))
    return tuple(found)


class _Values:
    """The values of a column in the samples, and how often each stands there: first those of the first sample (certain ones).

    total, sure: how many there are in all, and in the first sample.
    """

    def __init__(self, sure: Counter[str], others: Counter[str]) -> None:
        self.sure, self.total = sure.total(), sure.total() + others.total()
        self._parts = (sure, others)

    def __iter__(self) -> Iterator[tuple[str, int, bool]]:
        """Each value, how often, and whether that is in the first sample; one that is in both comes twice."""
        for certain, part in zip((True, False), self._parts, strict=True):
            for value, times in part.items():
                yield value, times, certain


def _count(records: Sequence[list[str]], position: int, nulls: set[str]) -> Counter[str]:
    """How often each value stands in a column. Samples are read as Latin-1, one character a byte; the values are UTF-8."""
    made = Counter(map(itemgetter(position), records))
    for value in [value for value in made if not value.isascii()]:
        made[value.encode("latin-1").decode("utf-8", "replace")] += made.pop(value)
    for word in nulls:
        del made[word]
    return made


def _settle(values: _Values) -> tuple[DateOrder, str, str]:
    """The order of dates that the values settle, what proves it, and why they do not settle it, if they should.

    A day after the twelfth settles it, if none contradicts.
    """
    turned, left = [], values.total * TOLERANCE
    for value, times, _ in values:
        if match := _turned(value):
            turned.append((value, match))
        else:
            left -= times
            if left < 0:
                return "ymd", "", ""
    if not turned:
        return "ymd", "", ""
    day_first = next((value for value, match in turned if int(match[1]) > 12), None)
    month_first = next((value for value, match in turned if int(match[3]) > 12), None)
    ways = f"{ORDERS['dmy']} or {ORDERS['mdy']}"
    if day_first and month_first:
        return "ymd", "", f"dates are in no one order: {quoted(day_first)} begins with the day, {quoted(month_first)} does not"
    if day_first:
        return "dmy", f"{quoted(day_first)} shows that the day comes first", ""
    if month_first:
        return "mdy", f"{quoted(month_first)} shows that the month comes first", ""
    return "ymd", "", f"dates such as {quoted(turned[0][0])} can be {ways}, and no value settles it: say which (`dates`)"


def _choose(values: _Values, form: ValueFormat) -> tuple[str, str]:
    total = values.total
    if not total:
        return "text", "no value in the samples"
    coded = _find_code(values, form)
    best: tuple[int, str, str | None] | None = None
    for kind in _CANDIDATES:
        if coded is not None and kind in _NUMBERS:
            continue
        misfits, example = _misfits(kind, values, form)
        if misfits is None or (best and misfits >= best[0]):
            continue
        best = misfits, kind, example
        if not misfits:
            break
    if best is None:
        if coded is not None:
            return "text", f"a number would change values such as {quoted(coded)}"
        return "text", f"no other type fits {total:,} sampled values"
    misfits, kind, example = best
    words = TYPES[kind].values
    if example is None:
        return kind, f"all {total:,} sampled values are {words}"
    return kind, f"{total - misfits:,} of {total:,} sampled values are {words}; {quoted(example)} is not"


def _find_code(values: _Values, form: ValueFormat) -> str | None:
    """A value that a number would change."""
    marks = str.maketrans("", "", SEPARATORS[form.thousands])
    for value, _, _ in values:
        if marks:
            if _code(value.translate(marks)):
                return value
        elif value[0] in "+-0" and _code(value):
            return value
    return None


def _misfits(kind: str, values: _Values, form: ValueFormat) -> tuple[int | None, str | None]:
    """How many values do not fit, and one of them; None if they are more than a type may leave to the rejects, in all or in the
    first sample. That is found out early: most types fit next to nothing in a column."""
    parse, barred = TYPES[kind].parse, _NOT_INFERRED.get(kind)
    allowed, allowed_sure = int(values.total * TOLERANCE), int(values.sure * TOLERANCE)
    count, example = 0, None
    for value, times, certain in values:
        try:
            if not (barred and barred(value)):
                parse(value, form)
                continue
        except ValueError:
            pass
        count += times
        example = value
        if count > (allowed_sure if certain else allowed):
            return None, value
    return count, example


def _read_samples(source: BinaryIO, sniffed: Sniffed, samples: int, ragged: Ragged) -> tuple[list[list[str]], list[list[str]]]:
    """The records of the first sample, and those of all the others that could be aligned: those of the right width."""
    size = source.seek(0, 2)
    begin, dialect, width = sniffed.data_offset, sniffed.dialect, len(sniffed.header)
    if sniffed.trailing and ragged == "reject":
        ragged = "trim"
    for most in (_FIRST, _MOST):
        source.seek(begin)
        data = source.read(most)
        whole = begin + len(data) >= size
        if most == _MOST and not whole:
            data = _few_lines(data)
        every = [r.fields for r in scan(data, dialect, eof=True)] if whole else split(data, dialect)[:-1]
        first = [fields for fields in every if fields]
        if first:
            break
    right = list(_fitting(first, width, ragged))
    if whole:
        return right, []
    step = min(_MOST, max(_LEAST, SAMPLE_RECORDS * len(data) // max(1, len(first))))
    others: list[list[str]] = []
    for place in range(1, samples):
        at = begin + (size - begin - step) * place // max(1, samples - 1)
        source.seek(max(begin, at))
        others += aligned(_few_lines(source.read(step)), dialect, width, ragged)
    return right, others


def _few_lines(data: bytes) -> bytes:
    """As much of a sample as has SAMPLE_LINES lines."""
    for end in (b"\n", b"\r"):
        lines = data.split(end, SAMPLE_LINES)
        if len(lines) > SAMPLE_LINES:
            data = data[: len(data) - len(lines[-1])]
    return data


def _fitting(records: Sequence[list[str]], width: int, ragged: Ragged) -> Sequence[list[str]]:
    if set(map(len, records)) <= {width}:  # mostly so, and told without a look at each
        return records
    return [fitted(fields, width) for fields in records if fits(fields, width, ragged)]


def _right(records: Sequence[list[str]], width: int, ragged: Ragged) -> int:
    """How many records have as many fields as they may have."""
    if set(map(len, records)) <= {width}:
        return len(records)
    return sum(fits(fields, width, ragged) for fields in records)


def aligned(data: bytes, dialect: Dialect, width: int, ragged: Ragged = "reject") -> list[list[str]]:
    """The records of a piece of the file that begins anywhere; none if it is not certain where they begin.

    The piece may begin in a bare field, at a field's beginning or within quotes: it is read in each of these ways, and
    those must not disagree that give records of the right width.
    """
    readings: list[list[list[str]]] = []
    for lead in _leads(data, dialect):
        records = split(lead + data, dialect)[1:]  # the first one is the rest of a record
        records = [fields for fields in records if fields]
        # A short record tells nothing of where records begin, even where they may be short.
        right = _right(records[:-1], width, "trim" if ragged == "fill" else ragged)
        if len(records) > 1 and right >= _ALIGNED * (len(records) - 1):
            readings.append(records)
    if not readings:
        return []
    agreed = min(readings, key=len)  # what all of them have; the others may have read the inside of a field as rows
    # Those that end in the same record, and in the same beginning of one, end at the same place.
    if any(other[-2:] != agreed[-2:] for other in readings):
        return []
    # The first record may still be read wrongly where two ways meet only after it.
    return list(_fitting(agreed[1:-1], width, ragged))


def _leads(data: bytes, dialect: Dialect) -> Iterator[bytes]:
    """What a piece may be the rest of: a bare field, nothing where that makes a difference, a field in quotes."""
    yield b"x"
    quote = (dialect.quote or "").encode()
    if quote and quote in data:
        if data.startswith(quote):
            yield b""
        yield quote
