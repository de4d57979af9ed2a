"""How many rows of a file may be rejected before its import fails: a number, or a percentage of all its rows."""

from __future__ import annotations

import re
from decimal import Decimal

from waystation.csvio.reasons import Tally, listed
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


def broken(max_errors: MaxErrors, *, good: int, bad: int, left: int) -> bool:
    """Whether the budget is broken, with so many rows read, and so many bytes left to read.

    A percentage is of all rows of the file. It is judged when the last one is read, and before that only when it can't be
    kept any more, however many rows may still come: once broken it stays so.
    """
    if max_errors is None:
        return False
    if isinstance(max_errors, int):
        return bad > max_errors
    most = good + bad + (left + LEAST_RECORD - 1) // LEAST_RECORD
    return bad * 100 > Decimal(max_errors[:-1]) * most


def keep(max_errors: MaxErrors, *, good: int, bad: int, left: int, line: int, reasons: Tally) -> None:
    """Raise TooManyRejects, which tells the reasons, when the budget is broken; `line` is that of the next record.

    To be asked between chunks, so that the rejects that broke it are kept and can be looked at.
    """
    if broken(max_errors, good=good, bad=bad, left=left):
        rows = "" if isinstance(max_errors, int) else f" of {good + bad:,}"
        raise TooManyRejects(
            f"{bad:,}{rows} rows were rejected up to line {line - 1:,}; the budget (max_errors) is {max_errors}.",
            reasons=listed(reasons),
        )
