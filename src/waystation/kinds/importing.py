"""The loop of an import: a file, chunk by chunk, into the staged batch. What is asked and found is in import_csv.py."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any, BinaryIO, Literal

from waystation.csvio.chunks import read_chunk
from waystation.csvio.dialect import Dialect
from waystation.csvio.encode import Encoded, encode
from waystation.errors import AbortedOnError
from waystation.kinds import budget
from waystation.kinds.columns import plans_of
from waystation.sdk import Checkpoint, Context

LONGEST_STEP, SHORTEST_STEP = 0.16, 0.06  # seconds that a step aims to stay between: a pause waits for half of one
GUESSED_ROW = 64  # bytes of a row, until the first chunk tells

Cursor = dict[str, Any]


def load(
    ctx: Context,
    source: BinaryIO,
    cursor: Cursor,
    *,
    size: int,
    on_error: Literal["reject", "abort"],
    max_errors: budget.MaxErrors,
) -> Generator[Checkpoint, None, Cursor]:
    """Go on from a cursor to the end of the file, of `size` bytes; the cursor at the end is returned.

    Raises AbortedOnError and TooManyRejects.
    """
    dialect = Dialect.of(cursor["dialect"])
    plans = plans_of(cursor["columns"])
    batch = ctx.staged()
    target = min(4 * 2**20, ctx.chunk_rows * GUESSED_ROW)
    while True:
        left = size - cursor["offset"]
        budget.keep(max_errors, good=cursor["good"], bad=cursor["bad"], left=left, line=cursor["line"])
        began = time.monotonic()
        chunk = read_chunk(source, cursor["offset"], dialect, target_bytes=target, line=cursor["line"])
        if chunk is None:
            return cursor
        made = encode(
            chunk.data,
            dialect,
            plans,
            width=cursor["width"],
            batch=batch.part,
            first_record=cursor["record"],
            first_line=cursor["line"],
            ragged=cursor["ragged"],
        )
        if made.rows_bad and on_error == "abort":
            first = made.rejects[0]
            raise AbortedOnError(f"Line {first.line} is bad, and on_error is abort: {first.error}.", line=first.line)
        batch.add(
            made.data,
            binary=made.binary,
            start=chunk.start,
            end=chunk.end,
            first_row=cursor["record"],
            last_row=cursor["record"] + made.records - 1,
            line=cursor["line"],
            good=made.rows_good,
            bad=made.rows_bad,
            zones={name: list(zone) for name, zone in made.zones.items()},
            rejects=made.reject_rows,
        )
        cursor = _after(cursor, chunk.end, made)
        yield Checkpoint(cursor, done=chunk.end, total=size, phase="read", counts=counts(cursor))
        target = _next_target(target, made.records, len(chunk.data), time.monotonic() - began, ctx.chunk_rows)


def counts(cursor: Mapping[str, Any]) -> dict[str, int]:
    """The numbers that are shown beside the progress."""
    return {"good": cursor["good"], "bad": cursor["bad"]}


def _after(cursor: Mapping[str, Any], end: int, made: Encoded) -> Cursor:
    return {
        **cursor,
        "offset": end,
        "record": cursor["record"] + made.records,
        "line": cursor["line"] + made.lines,
        "good": cursor["good"] + made.rows_good,
        "bad": cursor["bad"] + made.rows_bad,
    }


def _next_target(target: int, records: int, size: int, seconds: float, chunk_rows: int) -> int:
    """Bytes for the next chunk: at most about chunk_rows rows, and a step neither too long nor too short."""
    if seconds > LONGEST_STEP:
        target = int(target * max(0.5, LONGEST_STEP / seconds))
    elif seconds < SHORTEST_STEP:
        target *= 2
    most = chunk_rows * max(1, size // max(records, 1))
    return max(16 * 2**10, min(target, most))
