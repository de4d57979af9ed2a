"""The types of columns: what each takes, exactly, and the words for what it does not.

A parser takes the text of a cell that is not empty and gives the text that PostgreSQL reads for the same value, or raises
ValueError with the reason in plain words. Nothing is changed silently: a value that the type would round, trim or
otherwise lose a part of is refused. (An empty cell is null for every type: the csv module can't tell `""` from nothing.)
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from waystation.model import SQL_TYPES

# Fixed: calendar.month_name follows the locale.
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
BIGINT_MIN, BIGINT_MAX = -(2**63), 2**63 - 1
NUMERIC_WHOLE, NUMERIC_FRACTION = 131_072, 16_383  # digits before and after the point that PostgreSQL keeps

_whole = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_decimal = re.compile(r"-?(?:(0|[1-9][0-9]*)(?:\.([0-9]+))?|\.([0-9]+))").fullmatch
_float = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?").fullmatch
_float_word = re.compile(r"nan|[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII).fullmatch  # else ı is an i
_padded = re.compile(r"[+-]?[0-9][0-9.]*|\+\.[0-9]+").fullmatch  # a number but for leading zeros or a plus
_date = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_timestamp = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
).fullmatch

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def quoted(value: str) -> str:
    """A value as it stands in a reason: in quotes, on one line, cut at 60 characters."""
    shown = value if len(value) <= 60 else value[:59] + "…"
    return f"'{shown}'" if shown.isprintable() else repr(shown)


def _no_number(value: str, what: str) -> ValueError:
    if value != value.strip() and _padded(value.strip()):
        return ValueError(f"{quoted(value)} is not {what}: it has blanks around it")
    if _padded(value) and value.count(".") < 2 and not value.endswith("."):
        if value.startswith("+"):
            return ValueError(f"{quoted(value)} is not {what}: its plus sign would be lost")
        if re.match(r"-?0[0-9]", value):
            return ValueError(f"{quoted(value)} is not {what}: its leading zeros would be lost")
    return ValueError(f"{quoted(value)} is not {what}")


def parse_bigint(value: str) -> str:
    """A whole number of 64 bits, in ASCII digits, without leading zeros."""
    if not _whole(value):
        raise _no_number(value, "a whole number")
    # The length comes first: int() of very many digits is slow, and refused by Python itself.
    if len(value) > 18 and (len(value) > 20 or not BIGINT_MIN <= int(value) <= BIGINT_MAX):
        raise ValueError(f"{quoted(value)} is out of range: whole numbers go from {BIGINT_MIN} to {BIGINT_MAX}")
    return value


def parse_numeric(value: str) -> str:
    """A decimal number; all its digits are kept."""
    match = _decimal(value)
    if not match:
        raise _no_number(value, "a decimal number")
    whole, fraction = match[1] or "", match[2] or match[3] or ""
    if len(whole) > NUMERIC_WHOLE or len(fraction) > NUMERIC_FRACTION:
        raise ValueError(f"{quoted(value)} has too many digits: {len(whole)} before the point, {len(fraction)} after it")
    return value


def parse_double(value: str) -> str:
    """A number of about 15 digits, with or without an exponent; also inf, -inf and nan. Digits beyond that are rounded."""
    if _float_word(value):
        return value
    if not _float(value):
        raise _no_number(value, "a number")
    made = float(value)
    if made in (float("inf"), float("-inf")):
        raise ValueError(f"{quoted(value)} is too large for a double")
    if made == 0 and re.search("[1-9]", re.split("[eE]", value)[0]):
        raise ValueError(f"{quoted(value)} is too small for a double")
    return value


def parse_boolean(value: str) -> str:
    """true or false, t or f, yes or no, y or n, on or off, 1 or 0, in any case."""
    word = value.lower()
    if word in _TRUE:
        return "t"
    if word in _FALSE:
        return "f"
    raise ValueError(f"{quoted(value)} is neither true nor false")


def _check_day(text: str, value: str, what: str) -> None:
    match = _date(text)
    assert match
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if year == 0:
        raise ValueError(f"{quoted(value)} is not {what}: years go from 0001 to 9999")
    if not 1 <= month <= 12:
        raise ValueError(f"{quoted(value)} is not {what}: there is no month {match[2]}")
    days = monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise ValueError(f"{quoted(value)} is not {what}: {MONTHS[month - 1]} {match[1]} has {days} days")


def parse_date(value: str) -> str:
    """A day as YYYY-MM-DD, in the years 0001 to 9999."""
    if not _date(value):
        raise ValueError(f"{quoted(value)} is not a date: dates are written YYYY-MM-DD")
    try:
        date.fromisoformat(value)  # the fast way, for those that are right
    except ValueError:
        _check_day(value, value, "a date")
        raise
    return value


def parse_timestamp(value: str) -> str:
    """A day and a time as YYYY-MM-DD HH:MM[:SS[.ffffff]], with a blank or a T between; a day alone is its midnight.

    A time zone is refused (the type would drop it), as are more than six digits of a second (they would be rounded).
    """
    match = _timestamp(value)
    if not match:
        raise ValueError(f"{quoted(value)} is not a timestamp: timestamps are written YYYY-MM-DD HH:MM:SS")
    day, hour, minute, second, fraction, zone = match.groups()
    try:
        date.fromisoformat(day)
    except ValueError:
        _check_day(day, value, "a timestamp")
        raise
    if hour is None:
        return f"{day} 00:00:00"
    if zone:
        raise ValueError(f"{quoted(value)} is not a plain timestamp: its time zone {zone} would be lost")
    if hour > "23" or minute > "59" or (second or "00") > "59":
        raise ValueError(f"{quoted(value)} is not a timestamp: times go from 00:00:00 to 23:59:59")
    if fraction and len(fraction) > 7:
        raise ValueError(f"{quoted(value)} is too fine: a timestamp keeps six digits of a second")
    return f"{day} {hour}:{minute}:{second or '00'}{fraction or ''}"


def parse_text(value: str) -> str:
    """Any text without the character NUL, which PostgreSQL can't hold."""
    if "\0" in value:
        raise ValueError("the value holds a NUL character")
    return value


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type: its name here, its parser, and what its values are called (in the plural)."""

    name: str
    parse: Callable[[str], str]
    values: str

    @property
    def sql(self) -> str:
        """The type's name in SQL."""
        return SQL_TYPES[self.name]


TYPES: dict[str, ColumnType] = {
    made.name: made
    for made in (
        ColumnType("bigint", parse_bigint, "whole numbers"),
        ColumnType("numeric", parse_numeric, "decimal numbers"),
        ColumnType("double", parse_double, "numbers with exponents"),
        ColumnType("boolean", parse_boolean, "true or false"),
        ColumnType("date", parse_date, "dates"),
        ColumnType("timestamp", parse_timestamp, "timestamps"),
        ColumnType("text", parse_text, "text"),
    )
}
