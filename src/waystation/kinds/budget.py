"""How many rows of a file may be rejected before its import fails: a number, or a percentage of all its rows."""

from __future__ import annotations

import re
from decimal import Decimal

from waystation.errors import InvalidParams, TooManyRejects

LEAST_RECORD = 2  # bytes: one character and a line end

_percent = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%").fullmatch

MaxErrors = int | str | None


def parse(value: object) -> MaxErrors:
    """A budget as a request may say it: 10, "10", "0.5%", or null. Raises InvalidParams."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) < 19:
            return int(text)
        if (found := _percent(text)) and Decimal(found[1]) <= 100:
            return f"{Decimal(found[1]).normalize():f}%"
    raise InvalidParams(
        f"`max_errors` is {str(value)[:40]!r}, which is no budget.", remedy="Give a number, a percentage such as 1%, or null."
    )


def keep(max_errors: MaxErrors, *, good: int, bad: int, left: int, line: int) -> None:
    """Raise TooManyRejects when the budget is broken: with so many rows read, and so many bytes left to read.

    Between steps, so that the rejects that broke the budget are kept and can be looked at. A percentage is of all rows of the
    file. It is judged when the last one is read, and before that only when it can't be kept any more, however many rows may
    still come: the same file has the same end, wherever its chunks are cut.
    """
    if max_errors is None:
        return
    if isinstance(max_errors, int):
        broken, rows = bad > max_errors, ""
    else:
        most = good + bad + (left + LEAST_RECORD - 1) // LEAST_RECORD
        broken = bad * 100 > Decimal(max_errors[:-1]) * most
        rows = f" of {good + bad:,}"
    if broken:
        raise TooManyRejects(
            f"{bad:,}{rows} rows were rejected up to line {line - 1:,}; the budget (max_errors) is {max_errors}."
        )
