"""Which delimiters and line ends are outside quotes, and which records have quotes where they do not part anything.

Text is outside and inside quotes in turns as long as each quote that opens stands at a field's beginning and each that closes
at its end. Where one does not (`5" pipe`, or a quote that was forgotten), the csv module reads that one record, and behind it
the turns go on: if it had an odd number of quotes, the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from waystation.csvio.arrow.cells import Bools, Bytes, Ints
from waystation.csvio.dialect import Dialect
from waystation.csvio.reading import misquoted
from waystation.csvio.records import scan

LF, CR = 10, 13


@dataclass(slots=True)
class Odd:
    """A record that the csv module read: where it begins, where it ends, and its fields if it is a right one."""

    start: int
    end: int
    fields: list[bytes] | None


@dataclass(slots=True)
class Marks:
    """The places in a chunk that mean something, in their order: delimiters, line ends (of CRLF the LF), quotes."""

    at: Ints
    code: Bytes
    outside: Bools  # whether it is a delimiter or a line end that parts fields
    odd: list[Odd] = field(default_factory=list)


def marks(chunk: bytes, dialect: Dialect) -> Marks:
    """Find them."""
    data = np.frombuffer(chunk, np.uint8)
    delimiter = ord(dialect.delimiter)
    wanted = data == delimiter
    wanted |= data == LF
    lone = b"\r" in chunk
    if lone:
        ends = data == CR
        ends[:-1] &= data[1:] != LF
        wanted |= ends
    quote = ord(dialect.quote) if dialect.quote is not None and dialect.quotes(chunk) else None
    if quote is None:
        at = np.flatnonzero(wanted)
        return Marks(at, data[at], np.ones(len(at), np.bool_))
    wanted |= data == quote
    at = np.flatnonzero(wanted)
    found = Marks(at, data[at], np.zeros(len(at), np.bool_))
    _tell(chunk, data, dialect, found, quote)
    return found


def borders(dialect: Dialect) -> Bools:
    """Which bytes may stand before a quote that opens and behind one that closes."""
    border = np.zeros(256, np.bool_)
    border[[ord(dialect.delimiter), LF, CR]] = True
    if dialect.quote is not None and dialect.doublequote:
        border[ord(dialect.quote)] = True  # after a closing quote, an opening one at once: a quote in the text
    return border


def _tell(chunk: bytes, data: Bytes, dialect: Dialect, found: Marks, quote: int) -> None:
    at = found.at
    quotes = found.code == quote
    turn = np.bitwise_xor.accumulate(quotes.view(np.uint8)).view(np.bool_)  # inside, if all quotes are in their places
    places = at[quotes]
    border = borders(dialect)
    parting = ~quotes
    if _in_place(data, places, border):
        found.outside = parting & ~turn
        return
    wrong = _misplaced(data, places, border)
    ends = parting & (found.code != ord(dialect.delimiter))
    line_ends = (at[ends & ~turn], at[ends & turn])
    phase, done = 0, 0
    while done < len(chunk):
        next_wrong = int(np.searchsorted(wrong[phase], done))
        last = next_wrong == len(wrong[phase])
        start = len(chunk) if last else _begin(line_ends[phase], int(wrong[phase][next_wrong]), done)
        low, high = np.searchsorted(at, (done, start))
        found.outside[low:high] = parting[low:high] & (turn[low:high] == bool(phase))
        if last:
            return
        odd = _read(chunk, start, dialect)
        found.odd.append(odd)
        last_mark = int(np.searchsorted(at, odd.end - 1))
        if last_mark < len(at) and at[last_mark] == odd.end - 1 and parting[last_mark]:
            found.outside[last_mark] = found.code[last_mark] != ord(dialect.delimiter)
        low, high = np.searchsorted(places, (start, odd.end))
        phase ^= int(high - low) & 1
        done = odd.end


def _in_place(data: Bytes, places: Ints, border: Bools) -> bool:
    """Whether the quotes open and close fields in turns."""
    if len(places) % 2:
        return False
    opening, closing = places[::2], places[1::2]
    first, last = int(opening[0] == 0), int(closing[-1] == len(data) - 1)  # these have nothing before or behind them
    before, behind = data[opening[first:] - 1], data[closing[: len(closing) - last] + 1]
    return bool(border[before].all() and border[behind].all())


def _misplaced(data: Bytes, places: Ints, border: Bools) -> tuple[Ints, Ints]:
    """The quotes that are out of place, if the first of all opens a field, and if it closes one."""
    begins = border[data[places - 1]] | (places == 0)
    last = places == len(data) - 1
    ends = border[data[np.where(last, 0, places + 1)]] | last
    opens = np.arange(len(places)) & 1 == 0
    found = []
    for phase in (opens, ~opens):
        bad = ~np.where(phase, begins, ends)
        bad[-1] |= phase[-1]  # nothing closes it
        found.append(places[bad])
    return found[0], found[1]


def _begin(line_ends: Ints, place: int, least: int) -> int:
    """Where the record begins that has a mark at this place."""
    before = int(np.searchsorted(line_ends, place))
    return max(least, int(line_ends[before - 1]) + 1 if before else 0)


def _read(chunk: bytes, start: int, dialect: Dialect) -> Odd:
    size = 4096
    while True:
        piece = chunk[start : start + size]
        record = next(scan(piece, dialect, eof=start + size >= len(chunk)), None)
        if record is not None:
            # Bytes have no other line ends than CSV: LF, CR and CRLF.
            lines = [line.decode("latin-1") for line in piece[: record.end].splitlines(keepends=True)]
            right = misquoted(lines, dialect) is None
            return Odd(start, start + record.end, [one.encode("latin-1") for one in record.fields] if right else None)
        size *= 8
