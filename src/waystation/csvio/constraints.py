"""What the values of a column must be besides of its type: within bounds, of a pattern, or one of a few.

Patterns are read by RE2, which never looks at a character twice: no pattern, and no value, can make it hang.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import re2

from waystation.csvio.formats import PLAIN
from waystation.csvio.types import TYPES
from waystation.csvio.words import quoted
from waystation.errors import InvalidParams

LONGEST_PATTERN = 1000  # characters
PATTERN_MEMORY = 8 * 2**20  # bytes that a pattern may take, however it is written
SHOWN = 5  # of the values that are allowed, a reason names so many

_NUMBERS = {"integer": int, "bigint": int, "numeric": Decimal, "double": float}
_TIMES = frozenset({"date", "timestamp", "time"})

Check = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Constraint:
    """Bounds are included; `pattern` must fit the whole value; None where nothing is asked."""

    min: str | None = None
    max: str | None = None
    pattern: str | None = None
    one_of: Sequence[str] | None = None


def check_of(column: str, kind: str, asked: Constraint) -> Check | None:
    """A check of the canonical texts of a column of this type; None if nothing is asked of them.

    Raises InvalidParams for a bound or a value that is none of the type, a type without an order, and a wrong pattern.
    """
    checks: list[Check] = []
    if asked.min is not None or asked.max is not None:
        checks.append(_bounds(column, kind, asked.min, asked.max))
    if asked.pattern is not None:
        checks.append(_pattern(column, asked.pattern))
    if asked.one_of is not None:
        checks.append(_one_of(column, kind, asked.one_of))
    if len(checks) < 2:
        return checks[0] if checks else None
    return lambda value: next((wrong for check in checks if (wrong := check(value)) is not None), None)


def _canonical(column: str, kind: str, name: str, value: str) -> str:
    try:
        return TYPES[kind].parse(value, PLAIN)
    except ValueError as error:
        raise InvalidParams(f"`{name}` of the column {column!r}, which is {kind}: {error}.") from error


def _key(kind: str) -> Callable[[str], Any]:
    """What canonical texts of a type are compared by."""
    if kind in _NUMBERS:
        return _NUMBERS[kind]
    # The canonical text of a time sorts as the time does, but for zeros at the end of a second's fraction.
    return lambda text: text.rstrip("0").rstrip(".") if "." in text else text


def _bounds(column: str, kind: str, least: str | None, greatest: str | None) -> Check:
    if kind not in _NUMBERS and kind not in _TIMES:
        raise InvalidParams(f"`min` and `max` are for numbers, dates and times; the column {column!r} is {kind}.")
    key = _key(kind)
    low, high = (
        None if bound is None else key(_canonical(column, kind, name, bound))
        for name, bound in (("min", least), ("max", greatest))
    )
    if low is not None and high is not None and not low <= high:
        raise InvalidParams(f"`min` of the column {column!r} is more than its `max`: no value can be both.")
    below, above = ("before", "after") if kind in _TIMES else ("less than", "more than")

    def check(value: str) -> str | None:
        made = key(value)
        # Written so that NaN, which is neither, is within no bounds.
        if low is not None and not made >= low:
            return f"{quoted(value)} is {below} {least}"
        if high is not None and not made <= high:
            return f"{quoted(value)} is {above} {greatest}"
        return None

    return check


def _pattern(column: str, pattern: str) -> Check:
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidParams(f"`pattern` of the column {column!r} is longer than {LONGEST_PATTERN} characters.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_MEMORY
    try:
        fits = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise InvalidParams(
            f"`pattern` of the column {column!r} can't be read: {said}.",
            remedy="Patterns are those of RE2: no references back, no looking around (github.com/google/re2/wiki/Syntax).",
        ) from error
    shown = quoted(pattern)
    return lambda value: None if fits(value) else f"{quoted(value)} does not fit the pattern {shown}"


def _one_of(column: str, kind: str, values: Sequence[str]) -> Check:
    if not values:
        raise InvalidParams(f"`one_of` of the column {column!r} is empty: no value could be right.")
    key = _key(kind)
    allowed = {key(_canonical(column, kind, "one_of", value)) for value in values}
    shown = ", ".join(map(quoted, values[:SHOWN])) + (f" … ({len(values)} in all)" if len(values) > SHOWN else "")
    return lambda value: None if key(value) in allowed else f"{quoted(value)} is not one of {shown}"
