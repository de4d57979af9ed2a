"""Days and times in the cells of a CSV: ISO dates, and dates that begin with the day or the month; times without a zone."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

from waystation.csvio.formats import ORDERS, PLAIN, DateOrder, ValueFormat
from waystation.csvio.words import quoted

# Fixed: calendar.month_name follows the locale.
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]

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
        return ValueError(f"{quoted(value)} is not {what}: years go from 0001 to 9999")
    if not 1 <= month <= 12:
        return ValueError(f"{quoted(value)} is not {what}: there is no month {written}")
    days = monthrange(year, month)[1]
    return ValueError(f"{quoted(value)} is not {what}: {MONTHS[month - 1]} {year:04} has {days} days")


def _not_written(value: str, what: str, whats: str, form: str) -> ValueError:
    if _endless(value):
        return ValueError(f"{quoted(value)} is not {what}: it has no place in the calendar")
    if _far(value):
        return ValueError(f"{quoted(value)} is not {what}: years go from 0001 to 9999")
    return ValueError(f"{quoted(value)} is not {what}: {whats} are written {form}")


def parse_date(value: str, form: ValueFormat = PLAIN) -> str:
    """A day in the years 0001 to 9999: YYYY-MM-DD, or as the format has it."""
    made = _day(value, form.dates, value, "a date")
    if made is None:
        raise _not_written(value, "a date", "dates", ORDERS[form.dates])
    return made


def parse_timestamp(value: str, form: ValueFormat = PLAIN) -> str:
    """A day and a time as YYYY-MM-DD HH:MM[:SS[.ffffff]], with a blank or a T between; a day alone is its midnight.

    A time zone is refused (the type would drop it), as are more than six digits of a second (they would be rounded).
    """
    written = re.split("[T ]", value, maxsplit=1)
    clock = _clock(written[1]) if len(written) > 1 else None
    day = _day(written[0], form.dates, value, "a timestamp") if clock or len(written) == 1 else None
    if day is None:
        raise _not_written(value, "a timestamp", "timestamps", f"{ORDERS[form.dates]} HH:MM:SS")
    if not clock:
        return f"{day} 00:00:00"
    hour, minute, second, fraction, zone = clock.groups()
    if zone:
        raise ValueError(f"{quoted(value)} is not a plain timestamp: its time zone {zone} would be lost")
    if hour > "23" or minute > "59" or (second or "00") > "59":
        raise ValueError(f"{quoted(value)} is not a timestamp: times go from 00:00:00 to 23:59:59")
    if fraction and len(fraction) > 7:
        raise ValueError(f"{quoted(value)} is too fine: a timestamp keeps six digits of a second")
    return f"{day} {hour}:{minute}:{second or '00'}{fraction or ''}"


def parse_time(value: str, form: ValueFormat = PLAIN) -> str:
    """A time of day as HH:MM[:SS[.ffffff]], up to 24:00:00, which PostgreSQL keeps as such; no zone, six digits of a second."""
    clock = _clock(value)
    if not clock:
        raise ValueError(f"{quoted(value)} is not a time: times are written HH:MM:SS")
    hour, minute, second, fraction, zone = clock.groups()
    if zone:
        raise ValueError(f"{quoted(value)} is not a plain time: its time zone {zone} would be lost")
    second = second or "00"
    end = hour == "24" and minute == second == "00" and not (fraction or "").strip(".0")
    if not end and (hour > "23" or minute > "59" or second > "59"):
        raise ValueError(f"{quoted(value)} is not a time: times go from 00:00:00 to 24:00:00")
    if fraction and len(fraction) > 7:
        raise ValueError(f"{quoted(value)} is too fine: a time keeps six digits of a second")
    return f"{hour}:{minute}:{second}{fraction or ''}"
