"""A chunk's records and their fields, all at once, and which records are wrong before any column is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from waystation.csvio.arrow.cells import PAD, Bools, Bytes, Cells, Ints, binary, bytes_of, offsets_of, padded
from waystation.csvio.arrow.quoting import CR, LF, Marks, marks
from waystation.csvio.dialect import Dialect
from waystation.csvio.reading import Ragged


@dataclass(slots=True)
class Split:
    """The records without blank lines: `begin` to `end` in the chunk, `first` field and how many (`count`), and the wrong ones.

    `fields` are all of the chunk, without their quotes; `ids` says which value of `pool` each of them is. `nothing` is the
    number of an empty value.
    """

    begin: Ints
    end: Ints
    first: Ints
    count: Ints
    bad: Bools
    fields: Cells
    ids: Ints
    pool: pa.BinaryArray
    nothing: int
    line_ends: Ints
    lines: int

    def column(self, position: int, rows: Ints) -> tuple[Cells, Ints]:
        """The cells of a column in these records, and their numbers in the pool; of records that are too short empty ones."""
        numbers = self.first[rows] + position
        short = self.count[rows] <= position
        if not short.any():
            return self.fields.some(numbers), self.ids[numbers]
        numbers[short] = 0
        found, ids = self.fields.some(numbers), self.ids[numbers]
        found.length[short] = 0
        ids[short] = self.nothing
        return found, ids

    def line(self, records: Ints) -> Ints:
        """How many line ends stand before these records."""
        return np.searchsorted(self.line_ends, self.begin[records])


def split(chunk: bytes, dialect: Dialect, width: int, ragged: Ragged) -> Split:
    """Split a chunk in UTF-8 in which there is no escape."""
    data = np.frombuffer(chunk, np.uint8)
    found = marks(chunk, dialect)
    delimiter = ord(dialect.delimiter)

    ends, codes = found.at[found.outside], found.code[found.outside]
    last = codes != delimiter  # whether it is the last field of its record
    if len(chunk) and not (len(last) and last[-1] and ends[-1] == len(chunk) - 1):
        ends, codes, last = np.append(ends, len(chunk)), np.append(codes, CR), np.append(last, True)
    starts = np.append(0, ends[:-1] + 1) if len(ends) else ends
    stops = ends - ((codes == LF) & (data[ends - 1] == CR) & (ends > starts)) if b"\r" in chunk else ends

    final = np.flatnonzero(last)
    first = np.append(0, final[:-1] + 1) if len(final) else final
    count = final - first + 1
    full = (count > 1) | (stops[final] > starts[final])
    first, final, count = first[full], final[full], count[full]
    begin, end = starts[first], np.minimum(ends[final] + 1, len(chunk))
    bad = _undecodable(chunk, data, begin, end)

    starts, stops, doubled = _unquoted(data, dialect, found, starts, stops)
    memory, pool, extras = _pool(
        chunk, starts, stops, doubled, [odd.fields for odd in found.odd if odd.fields is not None], dialect.quote
    )
    ids = np.arange(len(starts)) * 2
    start, length = starts + PAD, stops - starts
    ids[doubled], start[doubled], length[doubled] = (more[1 : len(doubled) + 1] for more in extras)
    taken = len(doubled) + 1
    for odd in found.odd:
        record = np.searchsorted(begin, odd.start)
        if odd.fields is None:
            bad[record] = True
            continue
        first[record], count[record] = len(starts) + taken, len(odd.fields)
        taken += len(odd.fields)
    ids, start, length = (np.append(own, more) for own, more in zip((ids, start, length), extras, strict=True))
    fields = Cells(np.frombuffer(memory, np.uint8), start, length)

    bad |= _misfit(length, first, count, width, ragged)
    line_ends = found.at[(found.code == LF) | (found.code == CR)]
    lines = len(line_ends) + (len(chunk) > 0 and chunk[-1] not in (LF, CR))
    return Split(begin, end, first, count, bad, fields, ids, pool, 2 * len(starts), line_ends, lines)


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


def _unquoted(data: Bytes, dialect: Dialect, found: Marks, starts: Ints, stops: Ints) -> tuple[Ints, Ints, Ints]:
    """Where the fields begin and end within their quotes, and the numbers of those that have doubled quotes in them."""
    none = np.zeros(0, np.int64)
    if dialect.quote is None:
        return starts, stops, none
    quotes = found.code == ord(dialect.quote)
    total = np.count_nonzero(quotes)
    if not total:
        return starts, stops, none
    quoted = (stops - starts > 1) & (data[np.minimum(starts, len(data) - 1)] == ord(dialect.quote))
    doubled = none
    if total != 2 * np.count_nonzero(quoted):
        before = np.append(np.cumsum(quotes)[found.outside], total)[: len(starts)]
        doubled = np.flatnonzero(quoted & (np.diff(before, prepend=0) > 2))
    return starts + quoted, stops - quoted, doubled


Places = tuple[Ints, Ints, Ints]  # numbers in the pool, beginnings and lengths in memory


def _pool(
    chunk: bytes, starts: Ints, stops: Ints, doubled: Ints, odd: list[list[bytes]], quote: str | None
) -> tuple[bytes, pa.BinaryArray, Places]:
    """The memory of all fields, the same as values of Arrow's, and the places of those that are not in the chunk as they are.

    The first of these is empty; then come those with doubled quotes, then the fields of odd records.
    """
    more = [pa.array([b""], pa.binary())]
    if len(doubled):
        places = np.stack((starts[doubled], stops[doubled]), axis=1).ravel()
        values = binary(chunk, places).take(pa.array(np.arange(0, len(places), 2)))
        more.append(pc.replace_substring(values, 2 * quote, quote))
    if odd:
        more.append(pa.array([field for fields in odd for field in fields], pa.binary()))
    extras = pa.concat_arrays(more)
    ends = offsets_of(extras)
    ends = ends - ends[0] + PAD + len(chunk)
    memory = padded([chunk, bytes_of(extras)])
    # Between two fields, and between the chunk and what follows it, lie values that nobody asks for.
    offsets = np.concatenate((np.stack((starts, stops), axis=1).ravel() + PAD, ends))
    ids = 2 * len(starts) + np.arange(len(extras))
    return memory, binary(memory, offsets), (ids, ends[:-1], np.diff(ends))


def _misfit(length: Ints, first: Ints, count: Ints, width: int, ragged: Ragged) -> Bools:
    """The records with more or fewer fields than they may have."""
    bad = count != width
    if ragged == "reject" or not bad.any():
        return bad
    full = np.append(0, np.cumsum(length > 0))
    long = count > width
    bad[long] = full[(first + count)[long]] > full[first[long] + width]
    if ragged == "fill":
        bad[count < width] = False
    return bad
