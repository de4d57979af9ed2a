"""Where the last complete record of a piece of CSV ends, in plain Python."""

from __future__ import annotations

from waystation.csvio import quotes
from waystation.csvio.dialect import Dialect
from waystation.csvio.records import scan


def last_end(data: bytes, dialect: Dialect) -> int:
    """The offset just after the last record that is complete in `data`, which begins at a record; 0 if none is."""
    pieces = None if dialect.escapes(data) else quotes.split(data, dialect)
    if pieces is None:
        return max((record.end for record in scan(data, dialect, eof=False)), default=0)
    at = len(data)
    for number in range(len(pieces) - 1, -1, -1):
        piece = pieces[number]
        at -= len(piece)
        if number % 2 == 0:
            end = last_line_end(piece) if number == len(pieces) - 1 else _line_end(piece, len(piece))
            if end:
                return at + end
        at -= 1
    return 0


def last_line_end(data: bytes) -> int:
    """The same where nothing is quoted or escaped."""
    # A CR as the last byte may be half of a CRLF: it ends nothing yet.
    return _line_end(data, len(data) - data.endswith(b"\r"))


def _line_end(piece: bytes, limit: int) -> int:
    return max(piece.rfind(b"\n", 0, limit), piece.rfind(b"\r", 0, limit)) + 1
