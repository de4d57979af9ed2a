"""Split a chunk into its records and tell which of them are wrong before any column is looked at."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from waystation.csvio import quotes
from waystation.csvio.dialect import Dialect

_bad_byte = re.compile("[\udc80-\udcff]").search  # what the error handler surrogateescape makes of a byte


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a record: the field's position if it is one field, the value and the reason."""

    position: int | None
    value: str
    reason: str


@dataclass(slots=True)
class Records:
    """The records of a chunk without its blank lines, and the line where each begins; `wrong` is by index in them."""

    fields: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    wrong: dict[int, Wrong] = field(default_factory=dict)
    lines: int = 0


def read(chunk: bytes, dialect: Dialect, *, width: int, first_line: int) -> Records:
    """The records of a chunk, and those that are wrong: quotes, bytes, number of fields (`width` is right), in this order."""
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
            if len(fields) != width and at not in found.wrong:
                found.wrong[at] = wrong_width(fields, dialect, width)
    return found


def wrong_width(fields: Sequence[str], dialect: Dialect, width: int) -> Wrong:
    """What is wrong with a record of too few or too many fields."""
    reason = f"has {len(fields)} field{'s' * (len(fields) != 1)}, the header has {width}"
    return Wrong(None, dialect.delimiter.join(fields), reason)


def _proper(chunk: bytes, dialect: Dialect) -> bool:
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
    """What is wrong with the quotes of one record, given as its lines; None if nothing is."""
    if not any(dialect.quote in line for line in lines):
        return None
    try:
        for _ in csv.reader(lines, strict=True, **dialect.format):
            pass
    except csv.Error as error:
        if "end of data" in str(error):
            return "a quote is opened and never closed"
        return "text follows a closing quote"
    return None


def _find_undecodable(found: Records) -> None:
    for at, fields in enumerate(found.fields):
        whole = "".join(fields)
        if at in found.wrong or ("\0" not in whole and not _bad_byte(whole)):
            continue
        for position, value in enumerate(fields):
            if byte := _bad_byte(value):
                found.wrong[at] = Wrong(position, value, f"the byte 0x{ord(byte[0]) - 0xDC00:02X} is not valid UTF-8")
                break
            if "\0" in value:
                found.wrong[at] = Wrong(position, value, "the value holds a NUL character")
                break
