"""Split a chunk into its records and tell which of them are wrong before any column is looked at."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from waystation.csvio import quotes
from waystation.csvio.dialect import Dialect
from waystation.csvio.words import Phrase

# What becomes of a record with other than the right number of fields. trim: further fields are dropped if they are all empty,
# as behind a trailing delimiter; fill: that, and those that are missing are empty.
Ragged = Literal["reject", "trim", "fill"]

_bad_byte = re.compile("[\udc80-\udcff]").search  # what the error handler surrogateescape makes of a byte


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a record: the field's position if it is one field, the value and the reason.

    `column`: the name of the column that does not take the value, if it is for a column's sake.
    """

    position: int | None
    value: str
    reason: str
    column: str | None = None


@dataclass(slots=True)
class Records:
    """The records of a chunk without its blank lines, and the line where each begins; `wrong` is by index in them."""

    fields: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    wrong: dict[int, Wrong] = field(default_factory=dict)
    lines: int = 0


def read(chunk: bytes, dialect: Dialect, *, width: int, first_line: int, ragged: Ragged = "reject") -> Records:
    """The records of a chunk, and those that are wrong: quotes, bytes, number of fields (`width` is right), in this order.

    With `ragged` other than "reject", a record may have more fields as long as those beyond are empty, and with "fill" fewer.
    """
    try:
        text, decodes = chunk.decode(dialect.encoding), True
    except UnicodeDecodeError:
        # Each bad byte becomes one odd character, and ASCII stays as it is: the records are the same ones.
        text, decodes = chunk.decode(dialect.encoding, "surrogateescape"), False
    found = _split(text, dialect, first_line) if _proper(chunk, dialect) else _split_doubtful(text, dialect, first_line)
    if not decodes or "\0" in text:
        _find_undecodable(found)
    if not set(map(len, found.fields)) <= {width}:
        for at, fields in enumerate(found.fields):
            if not fits(fields, width, ragged) and at not in found.wrong:
                found.wrong[at] = wrong_width(fields, dialect, width)
    return found


def fits(fields: Sequence[str], width: int, ragged: Ragged) -> bool:
    """Whether a record has as many fields as it may have."""
    if len(fields) > width:
        return ragged != "reject" and not any(fields[width:])
    return len(fields) == width or ragged == "fill"


def fitted(fields: list[str], width: int) -> list[str]:
    """The record with as many fields as it should have: empty ones in place of those that are missing."""
    return fields if len(fields) == width else fields[:width] + [""] * (width - len(fields))


def wrong_width(fields: Sequence[str], dialect: Dialect, width: int) -> Wrong:
    """What is wrong with a record of too few or too many fields."""
    phrase = Phrase.ONE_FIELD if len(fields) == 1 else Phrase.FIELDS
    reason = phrase.format(len(fields), width)
    return Wrong(None, dialect.delimiter.join(fields), reason)


def _proper(chunk: bytes, dialect: Dialect) -> bool:
    if dialect.escape and dialect.escapes(chunk):
        return not dialect.quotes(chunk) and not chunk.rstrip(b"\r\n").endswith(dialect.escape.encode())
    if not dialect.quotes(chunk):
        return True
    pieces = quotes.split(chunk, dialect)
    return pieces is not None and quotes.closed(pieces, dialect)


def _split(text: str, dialect: Dialect, first_line: int) -> Records:
    """The csv module ends records where read_chunk does: the tests hold the two to it."""
    found = Records()
    reader = csv.reader(io.StringIO(text, newline=""), **dialect.format)
    line = first_line
    for fields in reader:
        if fields:
            found.fields.append(fields)
            found.starts.append(line)
        line = first_line + reader.line_num
    found.lines = reader.line_num
    return found


def _split_doubtful(text: str, dialect: Dialect, first_line: int) -> Records:
    """The same where some quotes are out of place: each record is read once more, strictly, to find those that are wrong.

    A quote in the middle of a bare field is fine (`5" pipe`). Text after a closing quote is not: it is what becomes of a
    quote that was forgotten some lines above, and the records between are now one field.
    """
    found = Records()
    held: list[str] = []

    def lines() -> Iterator[str]:
        for part in io.StringIO(text, newline=""):
            held.append(part)
            yield part

    reader = csv.reader(lines(), **dialect.format)
    line = first_line
    for fields in reader:
        if fields:
            if reason := misquoted(held, dialect):
                found.wrong[len(found.fields)] = Wrong(None, "".join(held).rstrip("\r\n"), reason)
            found.fields.append(fields)
            found.starts.append(line)
        held.clear()
        line = first_line + reader.line_num
    found.lines = reader.line_num
    return found


def misquoted(lines: list[str], dialect: Dialect) -> str | None:
    """What is wrong with the quotes or escapes of one record, given as its lines; None if nothing is."""
    text = "".join(lines)
    if not any(mark and mark in text for mark in (dialect.quote, dialect.escape)):
        return None
    try:
        fields = _strictly(lines, dialect)
    except csv.Error as error:
        if "end of data" not in str(error):
            return Phrase.AFTER_QUOTE
        return Phrase.LAST_ESCAPE if _ends_with_escape(text, dialect) else Phrase.OPEN_QUOTE
    # Where quotes are not doubled, the module lets a field go on after its closing quote, strict or not.
    if not dialect.doublequote and fields != list(csv.reader(lines, **dialect.format)):
        return Phrase.AFTER_QUOTE
    return None


def _strictly(lines: list[str], dialect: Dialect) -> list[list[str]]:
    # Without an end to its last line the module would find fault with a record that has an escaped line end in its last field.
    lines = [*lines[:-1], lines[-1] if lines[-1][-1:] in ("\r", "\n") else lines[-1] + "\n"]
    return list(csv.reader(lines, strict=True, **replace(dialect, doublequote=True).format))


def _ends_with_escape(text: str, dialect: Dialect) -> bool:
    text = text.rstrip("\r\n")
    if not dialect.escape or not text.endswith(dialect.escape):
        return False
    try:
        _strictly([text[:-1]], dialect)
    except csv.Error:
        return False
    return True


def _find_undecodable(found: Records) -> None:
    for at, fields in enumerate(found.fields):
        whole = "".join(fields)
        if at in found.wrong or ("\0" not in whole and not _bad_byte(whole)):
            continue
        for position, value in enumerate(fields):
            if byte := _bad_byte(value):
                found.wrong[at] = Wrong(position, value, Phrase.BYTE.format(f"{ord(byte[0]) - 0xDC00:02X}"))
                break
            if "\0" in value:
                found.wrong[at] = Wrong(position, value, Phrase.NUL)
                break
