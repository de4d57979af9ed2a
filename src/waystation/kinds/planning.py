"""What comes next of an import's file: read, cut, checked and encoded in the order of the file, ahead of what is in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO, Literal

from waystation.csvio.chunks import Chunk, read_chunk
from waystation.csvio.dialect import Dialect
from waystation.csvio.encode import ColumnPlan, Encoded, Ragged, encode
from waystation.csvio.limits import FileLimits
from waystation.csvio.reasons import added, tally
from waystation.csvio.records import scan
from waystation.errors import AbortedOnError
from waystation.kinds import budget
from waystation.sdk.streams import LedgerRow

GUESSED_ROW = 64  # bytes of a row, until the first chunk tells
FIRST_BYTES, LEAST_BYTES = 2**20, 16 * 2**10  # small at first: no stream has anything to do until there is a chunk for it
LAST_BYTES, LAST_PART = 2**20, 3  # and smaller again towards the end, so that the streams end together: a part of what is left
LONGEST, SHORTEST = 0.16, 0.06  # seconds that a chunk aims to stay between: a pause waits for those under way


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file is read: the offset in bytes, the number of the record and of the line there, good and bad rows so far,
    and how many were bad for which reason."""

    offset: int
    record: int
    line: int
    good: int
    bad: int
    reasons: dict[str, int] = field(hash=False)

    @classmethod
    def of(cls, cursor: Mapping[str, Any]) -> Place:
        """The place that a cursor names."""
        return cls(*(cursor.get(name, {}) if name == "reasons" else cursor[name] for name in cls.__slots__))

    def as_json(self) -> dict[str, Any]:
        """Its part of a cursor."""
        return asdict(self)

    def after(self, row: LedgerRow) -> Place:
        """The place behind a chunk."""
        return Place(
            row.end,
            row.last_row + 1,
            row.line + row.lines,
            self.good + row.good,
            self.bad + row.bad,
            added(self.reasons, row.reasons),
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """How the records of one file are read, and when to stop."""

    dialect: Dialect
    plans: Sequence[ColumnPlan]
    width: int
    ragged: Ragged
    size: int
    limits: FileLimits
    on_error: Literal["reject", "abort"]
    max_errors: budget.MaxErrors


class Plan:
    """Chunks of a file from a place on. Those in `known` are in already and keep their bounds; only what lies between is read.

    Where an import has to stop (`on_error`, `max_errors`) depends on the file alone, and not on where its chunks are cut: the
    chunk in which it is found ends at that very record.
    """

    def __init__(self, source: BinaryIO, place: Place, rules: Rules, *, known: Iterable[LedgerRow], most_rows: int) -> None:
        self.place = place
        self._source, self._rules = source, rules
        self._known = deque(known)
        self._most_rows = most_rows
        self._spent: dict[int, float] = {}  # seconds that the chunks under way took to be read and encoded
        self._target = min(FIRST_BYTES, most_rows * GUESSED_ROW)

    def next(self, part: int) -> tuple[LedgerRow, Encoded | None] | None:
        """The next chunk with its rows for a part, or without them if it is in; None at the end of the file.

        Raises TooManyRejects and AbortedOnError at the record where the import has to stop, TooManyRows, and NotCsv.
        """
        place, rules = self.place, self._rules
        left = rules.size - place.offset
        budget.keep(rules.max_errors, good=place.good, bad=place.bad, left=left, line=place.line, reasons=place.reasons)
        if self._known and self._known[0].start == place.offset:
            row = self._known.popleft()
            self.place = place.after(row)
            return row, None
        began = time.monotonic()
        chunk = self._read()
        if chunk is None:
            return None
        made = self._encode(chunk.data, part)
        end = self._stop(chunk, made) if made.rows_bad else None
        if end is not None:
            chunk = Chunk(chunk.start, chunk.start + end, chunk.data[:end])
            made = self._encode(chunk.data, part)
        row = LedgerRow(
            start=chunk.start,
            end=chunk.end,
            first_row=place.record,
            last_row=place.record + made.records - 1,
            line=place.line,
            lines=made.lines,
            good=made.rows_good,
            bad=made.rows_bad,
            zones={name: list(zone) for name, zone in made.zones.items()},
            reasons=tally(made.reject_rows) if made.rows_bad else {},
        )
        rules.limits.check_rows(row.last_row)
        self.place = place.after(row)
        self._spent[row.start] = time.monotonic() - began
        return row, made

    def learn(self, row: LedgerRow, seconds: float) -> None:
        """A chunk took so long to write: the next ones have most_rows rows at most, and take neither too long nor too short."""
        seconds = max(seconds, self._spent.pop(row.start, 0.0))
        size, rows = row.end - row.start, row.last_row - row.first_row + 1
        if seconds > LONGEST:
            wanted = int(size * max(0.5, LONGEST / seconds))
            self._target = min(self._target, wanted)
        elif seconds < SHORTEST and size * 2 > self._target:
            self._target *= 2
        self._target = min(max(LEAST_BYTES, self._target), self._most_rows * max(1, size // max(rows, 1)))

    def _read(self) -> Chunk | None:
        start = self.place.offset
        if self._known:
            self._source.seek(start)
            data = self._source.read(self._known[0].start - start)
            return Chunk(start, start + len(data), data)
        rules = self._rules
        target = min(self._target, max(LAST_BYTES, (rules.size - start) // LAST_PART), rules.limits.record)
        most = rules.limits.record
        line = self.place.line
        return read_chunk(self._source, start, rules.dialect, target_bytes=target, max_record_bytes=most, line=line)

    def _encode(self, data: bytes, part: int) -> Encoded:
        rules = self._rules
        return encode(
            data,
            rules.dialect,
            rules.plans,
            width=rules.width,
            batch=part,
            first_record=self.place.record,
            first_line=self.place.line,
            ragged=rules.ragged,
        )

    def _stop(self, chunk: Chunk, made: Encoded) -> int | None:
        """How many bytes of a chunk with bad rows come in, if an end to the import lies in it; None for all."""
        place, rules = self.place, self._rules
        if rules.on_error == "abort":
            first = made.rejects[0]
            if first.record == place.record:
                raise AbortedOnError(f"Line {first.line} is bad, and on_error is abort: {first.error}.", line=first.line)
            return _end_of(chunk.data, rules.dialect, lambda number, _: number == first.record - place.record)

        def broken(good: int, bad: int, end: int) -> bool:
            left = rules.size - chunk.start - end
            return budget.broken(rules.max_errors, good=place.good + good, bad=place.bad + bad, left=left)

        if not broken(made.rows_good, made.rows_bad, len(chunk.data)):
            return None
        wrong = {reject.record - place.record for reject in made.rejects}
        bad = 0

        def breaks(number: int, end: int) -> bool:
            nonlocal bad
            bad += number - 1 in wrong
            return broken(number - bad, bad, end)

        return _end_of(chunk.data, rules.dialect, breaks)


def _end_of(data: bytes, dialect: Dialect, found: Callable[[int, int], bool]) -> int:
    """Where the first record ends of which `found` says yes: it is asked with the number of records and the offset there."""
    number = 0
    for record in scan(data, dialect, eof=True):
        if record.fields:
            number += 1
            if found(number, record.end):
                return record.end
    return len(data)
