"""The words for what is wrong with a record or a value. There is one copy of them: the compiled encoder is handed these."""

from __future__ import annotations

from enum import StrEnum


class Phrase(StrEnum):
    """Sentences. `{0}` is the value in quotes where a sentence begins with it, and `{1}` mostly what it should have been."""

    IS_NOT = "{0} is not {1}"
    BLANKS = "{0} is not {1}: it has blanks around it"
    PLUS = "{0} is not {1}: its plus sign would be lost"
    ZEROS = "{0} is not {1}: its leading zeros would be lost"
    SEPARATORS = "{0} is not {1}: its separators of thousands are out of place"
    DECIMAL_SIGN = "{0} is not {1}: the decimal sign is {2}"
    RANGE = "{0} is out of range: whole numbers go from {1} to {2}"
    DIGITS = "{0} has too many digits: {1} before the point, {2} after it"
    LARGE = "{0} is too large for a double"
    SMALL = "{0} is too small for a double"
    BOOLEAN = "{0} is neither true nor false"

    WRITTEN = "{0} is not {1}: {2}"
    ENDLESS = "{0} is not {1}: it has no place in the calendar"
    YEARS = "{0} is not {1}: years go from 0001 to 9999"
    MONTH = "{0} is not {1}: there is no month {2}"
    DAYS = "{0} is not {1}: {2} {3} has {4} days"
    ZONE = "{0} is not {1}: its time zone {2} would be lost"
    CLOCK = "{0} is not {1}: times go from 00:00:00 to {2}"
    FINE = "{0} is too fine: {1} keeps six digits of a second"

    UUID = "{0} is not a UUID: they are written 01234567-89ab-cdef-0123-456789abcdef"
    JSON = "{0} is not JSON: {1}"
    DEEP = "{0} is not JSON that can be read: it is nested more than {1} levels deep"

    REQUIRED = "a value is required"
    NUL = "the value holds a NUL character"
    BYTE = "the byte 0x{0} is not valid UTF-8"
    ONE_FIELD = "has 1 field, the header has {1}"
    FIELDS = "has {0} fields, the header has {1}"
    AFTER_QUOTE = "text follows a closing quote"
    OPEN_QUOTE = "a quote is opened and never closed"
    LAST_ESCAPE = "an escape is the last character"


# Fixed: calendar.month_name follows the locale.
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
LONGEST = 60  # characters of a value in a reason


def quoted(value: str) -> str:
    """A value as it stands in a reason: in quotes, on one line, cut at 60 characters."""
    shown = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return f"'{shown}'" if shown.isprintable() else repr(shown)


def misfit(phrase: Phrase, value: str, *more: object) -> ValueError:
    """What a parser raises for a value that its type does not take."""
    return ValueError(phrase.format(quoted(value), *more))
