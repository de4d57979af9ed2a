"""The records of a piece of CSV, with their places in bytes.

What ends a record is what the csv module says: a line end (LF, CRLF or a lone CR) outside quotes, where a quote opens only
at the beginning of a field. Bytes are read as Latin-1 here, one character a byte, so that places in the text are places in
the file; delimiter, quote and line ends are ASCII, which UTF-8 keeps apart from everything else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from waystation.csvio.dialect import Dialect


class Record(NamedTuple):
    """One record: its fields as Latin-1, the offset just after it, and the lines read up to there."""

    fields: list[str]
    end: int
    lines: int


def scan(data: bytes, dialect: Dialect, *, eof: bool) -> Iterator[Record]:
    """Yield the records that are complete in `data`, which begins at a record; a blank line is a record of no fields.

    Unless `eof`, a record that may go on after the last byte is left out: the last line without an end, an open quote, and
    a line that ends with the CR of what may be a CRLF.
    """
    used = 0
    dry = False

    def lines() -> Iterator[str]:
        nonlocal used, dry
        for line in io.StringIO(data.decode("latin-1"), newline=""):
            if not eof and (line[-1] not in "\r\n" or (line[-1] == "\r" and used + len(line) == len(data))):
                break
            used += len(line)
            yield line
        dry = True

    reader = csv.reader(lines(), **dialect.format)
    for fields in reader:
        if dry and not eof:
            return
        yield Record(fields, used, reader.line_num)


def split(data: bytes, dialect: Dialect) -> list[list[str]]:
    """The fields alone of the records that are complete in `data`, as `scan` gives them, and behind them those of the one that
    is not, with an `x` at its end: faster where nobody asks for places."""
    return list(csv.reader(io.StringIO(data.decode("latin-1") + "x", newline=""), **dialect.format))
