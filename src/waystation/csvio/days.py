"""Days and times in the cells of a CSV: ISO dates, and dates that begin with the day or the month; times without a zone."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from waystation.csvio.formats import ORDERS, PLAIN, DateOrder, ValueFormat
from waystation.csvio.words import MONTHS, Phrase, misfit

DATE, TIMESTAMP, TIME = "a date", "a timestamp", "a time"

_iso = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").fullmatch
_turned = re.compile(r"([0-9]{1,2})([/.-])([0-9]{1,2})\2([0-9]{4})").fullmatch
_clock = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(\.[0-9]+)?)?(Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?").fullmatch
_far = re.compile(r"[0-9]{5,}-[0-9]{2}-[0-9]{2}.*|.+ (?:BC|AD)", re.IGNORECASE | re.ASCII | re.DOTALL).fullmatch
_endless = re.compile(r"[+-]?infinity", re.IGNORECASE | re.ASCII).fullmatch


def _day(text: str, order: DateOrder, value: str, what: str) -> str | None:
    """The day as YYYY-MM-DD; None if it is not written as one. ValueError if there is no such day."""
    if match := _iso(text):
        year, month, day = match.groups()
        made = text
    elif order != "ymd" and (match := _turned(text)):
        day, month, year = (match[1], match[3], match[4]) if order == "dmy" else (match[3], match[1], match[4])
        made = f"{year}-{month:0>2}-{day:0>2}"
    else:
        return None
    try:
        date.fromisoformat(made)  # the fast way, for those that are right
    except ValueError:
        raise _no_day(int(year), month, int(day), value, what) from None
    return made


def _no_day(year: int, written: str, day: int, value: str, what: str) -> ValueError:
    month = int(written)
    if year == 0:
        return misfit(Phrase.YEARS, value, what)
    if not 1 <= month <= 12:
        return misfit(Phrase.MONTH, value, what, written)
    return misfit(Phrase.DAYS, value, what, MONTHS[month - 1], f"{year:04}", monthrange(year, month)[1])


def how_written(kind: str, form: ValueFormat) -> str:
    """How a column's dates, timestamps or times are to be written, in words; empty for other types."""
    if kind == "time":
        return "times are written HH:MM:SS"
    clock = " HH:MM:SS" if kind == "timestamp" else ""
    return f"{kind}s are written {ORDERS[form.dates]}{clock}" if kind in ("date", "timestamp") else ""


def _not_written(value: str, what: str, how: str) -> ValueError:
    if _endless(value):
        return misfit(Phrase.ENDLESS, value, what)
    if _far(value):
        return misfit(Phrase.YEARS, value, what)
    return misfit(Phrase.WRITTEN, value, what, how)


def parse_date(value: str, form: ValueFormat = PLAIN) -> str:
    """A day in the years 0001 to 9999: YYYY-MM-DD, or as the format has it."""
    made = _day(value, form.dates, value, DATE)
    if made is None:
        raise _not_written(value, DATE, how_written("date", form))
    return made


def parse_timestamp(value: str, form: ValueFormat = PLAIN) -> str:
    """A day and a time as YYYY-MM-DD HH:MM[:SS[.ffffff]], with a blank or a T between; a day alone is its midnight.

    A time zone is refused (the type would drop it), as are more than six digits of a second (they would be rounded).
    """
    written = re.split("[T ]", value, maxsplit=1)
    clock = _clock(written[1]) if len(written) > 1 else None
    day = _day(written[0], form.dates, value, TIMESTAMP) if clock or len(written) == 1 else None
    if day is None:
        raise _not_written(value, TIMESTAMP, how_written("timestamp", form))
    if not clock:
        return f"{day} 00:00:00"
    hour, minute, second, fraction, zone = clock.groups()
    if zone:
        raise misfit(Phrase.ZONE, value, TIMESTAMP, zone)
    if hour > "23" or minute > "59" or (second or "00") > "59":
        raise misfit(Phrase.CLOCK, value, TIMESTAMP, "23:59:59")
    if fraction and len(fraction) > 7:
        raise misfit(Phrase.FINE, value, TIMESTAMP)
    return f"{day} {hour}:{minute}:{second or '00'}{fraction or ''}"


def parse_time(value: str, form: ValueFormat = PLAIN) -> str:
    """A time of day as HH:MM[:SS[.ffffff]], up to 24:00:00, which PostgreSQL keeps as such; no zone, six digits of a second."""
    clock = _clock(value)
    if not clock:
        raise misfit(Phrase.WRITTEN, value, TIME, how_written("time", form))
    hour, minute, second, fraction, zone = clock.groups()
    if zone:
        raise misfit(Phrase.ZONE, value, TIME, zone)
    second = second or "00"
    end = hour == "24" and minute == second == "00" and not (fraction or "").strip(".0")
    if not end and (hour > "23" or minute > "59" or second > "59"):
        raise misfit(Phrase.CLOCK, value, TIME, "24:00:00")
    if fraction and len(fraction) > 7:
        raise misfit(Phrase.FINE, value, TIME)
    return f"{hour}:{minute}:{second}{fraction or ''}"
