"""Cut a CSV file into chunks that end where a record ends, so that each can be read by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from waystation.csvio.cuts import last_line_end
from waystation.csvio.dialect import Dialect
from waystation.csvio.encode import last_end
from waystation.errors import RecordTooLong

# One record in memory costs some seven times its bytes while it is read; 16 MiB keeps that well below 300 MB.
MAX_RECORD_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records: the bytes from the offset `start` up to `end` of the file."""

    start: int
    end: int
    data: bytes


def read_chunk(
    source: BinaryIO,
    start: int,
    dialect: Dialect,
    *,
    target_bytes: int,
    max_record_bytes: int = MAX_RECORD_BYTES,
    line: int | None = None,
) -> Chunk | None:
    """Read about `target_bytes` from `start`, which must be where a record begins, and cut at a record's end.

    A chunk is longer than `target_bytes` only if a record is, and then at most twice that record. None at the end of the
    file. The last record of the file ends with it, even inside quotes. Raises RecordTooLong for one longer than
    `max_record_bytes`, naming its offset, and its line if the caller knows it (`line` is that of `start`).
    """
    source.seek(start)
    data = source.read(target_bytes)
    while data:
        more = source.read(1)
        eof = not more
        end = len(data) if eof else _last_end(data, dialect)
        if end:
            return Chunk(start, start + end, data[:end] if end < len(data) else data)
        if len(data) >= max_record_bytes:
            place = f"at byte {start}" + ("" if line is None else f" (line {line})")
            raise RecordTooLong(f"The record {place} is longer than {max_record_bytes:,} bytes.")
        wanted = min(len(data) * 2, max_record_bytes)
        data += more + source.read(wanted - len(data) - 1)
    return None


def _last_end(data: bytes, dialect: Dialect) -> int:
    """The offset just after the last record that is complete in `data`, which begins at a record; 0 if none is."""
    if dialect.quotes(data) or dialect.escapes(data):
        return last_end(data, dialect)
    return last_line_end(data)
