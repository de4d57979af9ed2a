"""The types of columns: what each takes, exactly, and the words for what it does not.

A parser takes the text of a cell that is not null, and how the column's values are written; it gives the text that PostgreSQL
reads for the same value, or raises ValueError with the reason in plain words. Nothing is changed silently: a value that the
type would round, trim or otherwise lose a part of is refused. (An empty cell is null for every type: the csv module can't
tell `""` from nothing.)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import NoReturn, Protocol

from waystation.csvio import days, numbers
from waystation.csvio.days import parse_date, parse_time, parse_timestamp
from waystation.csvio.formats import PLAIN, ValueFormat
from waystation.csvio.formulas import unguard
from waystation.csvio.numbers import parse_bigint, parse_double, parse_integer, parse_numeric
from waystation.csvio.words import Phrase, misfit
from waystation.model import SQL_TYPES

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
_hex = "[0-9a-fA-F]"
_uuid = re.compile(rf"({{)?{_hex}{{8}}(-?){_hex}{{4}}\2{_hex}{{4}}\2{_hex}{{4}}\2{_hex}{{12}}(?(1)}})").fullmatch

# PostgreSQL would take some thousands, but what cannot be read again is of no use: jq gives up here, Python not much later.
JSON_DEPTH = 256
_json_string = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def parse_boolean(value: str, form: ValueFormat = PLAIN) -> str:
    """true or false, t or f, yes or no, y or n, on or off, 1 or 0, in any case."""
    word = value.lower()
    if word in _TRUE:
        return "t"
    if word in _FALSE:
        return "f"
    raise misfit(Phrase.BOOLEAN, value)


def parse_uuid(value: str, form: ValueFormat = PLAIN) -> str:
    """Thirty-two hexadecimal digits in any case, in groups of 8-4-4-4-12 or in one, in braces or not."""
    if not _uuid(value):
        raise misfit(Phrase.UUID, value)
    digits = re.sub("[^0-9a-f]", "", value.lower())
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def parse_json(value: str, form: ValueFormat = PLAIN) -> str:
    """A JSON text (RFC 8259), kept to the byte: blanks, the order of keys, doubled keys and the digits of numbers stay."""
    # Only where there are so many brackets need anybody look how deep they go.
    if value.count("[") + value.count("{") > JSON_DEPTH and _depth(value) > JSON_DEPTH:
        raise misfit(Phrase.DEEP, value, JSON_DEPTH)
    try:
        json.loads(value, parse_constant=_no_constant, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        reason = f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1}"
        raise misfit(Phrase.JSON, value, reason) from None
    except ValueError as error:
        raise misfit(Phrase.JSON, value, error) from None
    return value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"it has no {word}")


def _depth(text: str) -> int:
    steps = ((char in "[{") - (char in "]}") for char in _json_string.sub("", text))
    return max(accumulate(steps), default=0)


def parse_text(value: str, form: ValueFormat = PLAIN) -> str:
    """Any text without the character NUL, which PostgreSQL can't hold; without its guard, if the column has one."""
    if "\0" in value:
        raise ValueError(Phrase.NUL)
    return unguard(value) if form.guarded else value


class Parse(Protocol):
    """See the top of this file."""

    def __call__(self, value: str, form: ValueFormat = ..., /) -> str: ...


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type: its name here, its parser, and what its values are called: many of them, and in a reason one."""

    name: str
    parse: Parse
    values: str
    noun: str = ""

    @property
    def sql(self) -> str:
        """The type's name in SQL."""
        return SQL_TYPES[self.name]

    @property
    def free(self) -> bool:
        """Whether its texts may hold what has a meaning in COPY's text format."""
        return self.name in ("text", "json")


TYPES: dict[str, ColumnType] = {
    made.name: made
    for made in (
        ColumnType("integer", parse_integer, "whole numbers of 32 bits", numbers.WHOLE),
        ColumnType("bigint", parse_bigint, "whole numbers", numbers.WHOLE),
        ColumnType("numeric", parse_numeric, "decimal numbers", numbers.DECIMAL),
        ColumnType("double", parse_double, "numbers with exponents", numbers.NUMBER),
        ColumnType("boolean", parse_boolean, "true or false"),
        ColumnType("date", parse_date, "dates", days.DATE),
        ColumnType("timestamp", parse_timestamp, "timestamps", days.TIMESTAMP),
        ColumnType("time", parse_time, "times", days.TIME),
        ColumnType("uuid", parse_uuid, "UUIDs"),
        ColumnType("json", parse_json, "JSON"),
        ColumnType("text", parse_text, "text"),
    )
}
