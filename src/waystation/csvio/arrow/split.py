"""A chunk's records and their fields, all at once, and which records are wrong before any column is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from waystation.csvio.arrow.cells import PAD, Bools, Bytes, Cells, Ints, binary, bytes_of, offsets_of, padded
from waystation.csvio.arrow.quoting import CR, LF, Marks, marks
from waystation.csvio.dialect import Dialect
from waystation.csvio.reading import Ragged


@dataclass(slots=True)
class Split:
    """The records without blank lines: `begin` to `end` in the chunk, `first` field and how many (`count`), and the `bad` ones.

    A field, without its quotes, goes from `starts` to `stops` in the memory, of which `pool` has the same as values. The first
    `within` of them are those of the chunk; the next one is empty; then come the fields that are not in the chunk as they are:
    those with doubled quotes, whose numbers `moved` changes (None if there are none), and those of odd records. `step` is how
    many fields each record has, if all have as many and they follow one another; None otherwise.
    """

    begin: Ints
    end: Ints
    first: Ints
    count: Ints
    bad: Bools
    starts: Ints
    stops: Ints
    within: int
    moved: Ints | None
    memory: bytes
    pool: pa.BinaryArray
    line_ends: Ints
    lines: int
    step: int | None

    def column(self, position: int, rows: Ints) -> tuple[Cells, Ints]:
        """The cells of a column in these records, and their numbers in the pool; of records that are too short empty ones."""
        if self.step is not None and len(rows) == len(self.first):
            some = slice(int(self.first[0]) + position, int(self.first[-1]) + position + 1, self.step)
            numbers = np.arange(some.start, some.stop, some.step)
            if self.moved is None or (self.moved[some] == numbers).all():
                return self._cells(self.starts[some], self.stops[some]), self.ids(numbers)
        else:
            numbers = self.first[rows] + position
            short = self.count[rows] <= position
            if short.any():
                numbers[short] = self.within
        if self.moved is not None:
            numbers = self.moved[numbers]
        return self._cells(self.starts[numbers], self.stops[numbers]), self.ids(numbers)

    def _cells(self, starts: Ints, stops: Ints) -> Cells:
        return Cells(np.frombuffer(self.memory, np.uint8), starts + PAD, stops - starts)

    def ids(self, numbers: Ints) -> Ints:
        """The numbers of fields in the pool, where another value lies between each two of the chunk."""
        return numbers + np.minimum(numbers, self.within)

    def line(self, records: Ints) -> Ints:
        """How many line ends stand before these records."""
        return np.searchsorted(self.line_ends, self.begin[records])


def split(chunk: bytes, dialect: Dialect, width: int, ragged: Ragged) -> Split:
    """Split a chunk in UTF-8 in which there is no escape."""
    data = np.frombuffer(chunk, np.uint8)
    found = marks(chunk, dialect)
    parting = np.flatnonzero(found.outside)
    ends, codes = found.at[parting], found.code[parting]
    if len(chunk) and not (len(ends) and ends[-1] == len(chunk) - 1 and codes[-1] != ord(dialect.delimiter)):
        parting, ends, codes = np.append(parting, len(found.at)), np.append(ends, len(chunk)), np.append(codes, np.uint8(CR))
    starts = np.zeros(len(ends), np.int64)
    starts[1:] = ends[:-1] + 1
    stops = ends.copy()
    if b"\r" in chunk:
        stops -= (codes == LF) & (data[ends - 1] == CR) & (ends > starts)

    final = np.flatnonzero(codes != ord(dialect.delimiter))  # the last field of each record
    first = np.append(0, final[:-1] + 1)[: len(final)]
    count = final - first + 1
    full = (count > 1) | (stops[final] > starts[first])
    if not full.all():
        first, final, count = first[full], final[full], count[full]
    begin, end = starts[first], np.minimum(ends[final] + 1, len(chunk))
    bad = _undecodable(chunk, data, begin, end)

    within = len(starts)
    doubled = _unquote(data, dialect, found, parting, starts, stops)
    extras = _extras(chunk, starts, stops, doubled, found, dialect.quote)
    memory = padded([chunk, bytes_of(extras)])
    places = offsets_of(extras)
    places = places - places[0] + len(chunk)
    pool = binary(memory, _interleaved(starts, stops, places) + PAD)
    starts, stops = np.append(starts, places[:-1]), np.append(stops, places[1:])
    moved = None
    if len(doubled):
        moved = np.arange(len(starts))
        moved[doubled] = np.arange(within + 1, within + 1 + len(doubled))
    taken = within + 1 + len(doubled)
    for odd in found.odd:
        record = np.searchsorted(begin, odd.start)
        if odd.fields is None:
            bad[record] = True
            continue
        first[record], count[record] = taken, len(odd.fields)
        taken += len(odd.fields)

    step = width if len(first) and (count == width).all() and (np.diff(first) == width).all() else None
    bad |= _misfit(starts, stops, first, count, width, ragged)
    line_ends = found.at[(found.code == LF) | (found.code == CR)]
    lines = len(line_ends) + (len(chunk) > 0 and chunk[-1] not in (LF, CR))
    return Split(begin, end, first, count, bad, starts, stops, within, moved, memory, pool, line_ends, lines, step)


def _undecodable(chunk: bytes, data: Bytes, begin: Ints, end: Ints) -> Bools:
    """The records with a NUL or with bytes that are not UTF-8."""
    bad = np.zeros(len(begin), np.bool_)
    if b"\0" in chunk:
        bad[np.searchsorted(begin, np.flatnonzero(data == 0), "right") - 1] = True
    if chunk.isascii():
        return bad
    try:
        chunk.decode()
    except UnicodeDecodeError:  # it tells of the first one only
        for record in np.unique(np.searchsorted(begin, np.flatnonzero(data >= 0x80), "right") - 1):
            try:
                chunk[begin[record] : end[record]].decode()
            except UnicodeDecodeError:
                bad[record] = True
    return bad


def _unquote(data: Bytes, dialect: Dialect, found: Marks, parting: Ints, starts: Ints, stops: Ints) -> Ints:
    """Let fields begin and end within their quotes (in place); the numbers of those that have doubled quotes in them."""
    marks_in = np.diff(parting, prepend=-1)  # one more than there are
    some: Ints = np.flatnonzero(marks_in > 1)
    if dialect.quote is None or not len(some):
        return some[:0]
    quote = ord(dialect.quote)
    some = some[(stops[some] - starts[some] > 1) & (data[starts[some]] == quote)]
    starts[some] += 1
    stops[some] -= 1
    quotes = found.code == quote
    if np.count_nonzero(quotes) == 2 * len(some):
        return some[:0]
    some = some[marks_in[some] > 3]  # with two marks, these are its quotes
    before = np.zeros(len(quotes) + 1, np.int32)
    np.cumsum(quotes, out=before[1:])
    inside = before[parting[some]] - before[np.where(some > 0, parting[some - 1], 0)]
    many: Ints = some[inside > 2]
    return many


def _extras(chunk: bytes, starts: Ints, stops: Ints, doubled: Ints, found: Marks, quote: str | None) -> pa.BinaryArray:
    """An empty value, those of fields with doubled quotes, and the fields of odd records."""
    more = [pa.array([b""], pa.binary())]
    if len(doubled):
        places = _interleaved(starts[doubled], stops[doubled], np.zeros(0, np.int64))
        values = binary(chunk, places).take(pa.array(np.arange(0, len(places), 2)))
        assert quote is not None
        more.append(pc.replace_substring(values, 2 * quote, quote))
    if found.odd:
        more.append(pa.array([field for odd in found.odd for field in odd.fields or ()], pa.binary()))
    return pa.concat_arrays(more)


def _interleaved(starts: Ints, stops: Ints, more: Ints) -> npt.NDArray[np.int32]:
    """The beginning and the end of each in turns: between two values that are wanted lies one that is not."""
    count = 2 * len(starts)
    made = np.empty(count + len(more), np.int32)
    made[:count:2], made[1:count:2], made[count:] = starts, stops, more
    return made


def _misfit(starts: Ints, stops: Ints, first: Ints, count: Ints, width: int, ragged: Ragged) -> Bools:
    """The records with more or fewer fields than they may have."""
    bad: Bools = count != width
    if ragged == "reject" or not bad.any():
        return bad
    full = np.append(0, np.cumsum(stops > starts))
    long = count > width
    bad[long] = full[(first + count)[long]] > full[first[long] + width]
    if ragged == "fill":
        bad[count < width] = False
    return bad
