"""The loop of an import: a file, chunk by chunk, into the staged batch. What is asked and found is in import_csv.py."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any, BinaryIO, Literal

from waystation.csvio.dialect import Dialect
from waystation.csvio.encode import ColumnPlan
from waystation.errors import WaystationError
from waystation.kinds import budget
from waystation.kinds.planning import Place, Plan, Rules
from waystation.sdk import Checkpoint, Context
from waystation.sdk.streams import Streams

STEP = 0.2  # seconds from one checkpoint to the next, unless somebody asks something
CHUNKS = 4  # of a step, if its rows are what ends it
LARGE = 4 * 2**20  # bytes of a file that is worth more than one stream
STREAMS = 2

Cursor = dict[str, Any]


def parts_for(size: int) -> int:
    """Into how many parts a file of so many bytes is loaded side by side."""
    return STREAMS if size >= LARGE else 1


def load(
    ctx: Context,
    source: BinaryIO,
    cursor: Cursor,
    plans: Sequence[ColumnPlan],
    *,
    size: int,
    on_error: Literal["reject", "abort"],
    max_errors: budget.MaxErrors,
) -> Generator[Checkpoint, None, Cursor]:
    """Go on from a cursor to the end of the file, of `size` bytes; the cursor at the end is returned.

    While the streams copy, the next chunk is read and encoded. The cursor is the place up to which all chunks are in; some
    behind it may be in, too: the ledger knows them. Raises AbortedOnError, TooManyRejects and NotCsv, once all that comes
    before the record at fault is in.
    """
    batch = ctx.staged()
    rules = Rules(
        dialect=Dialect.of(cursor["dialect"]),
        plans=plans,
        width=cursor["width"],
        ragged=cursor["ragged"],
        size=size,
        limits=ctx.file_limits,
        on_error=on_error,
        max_errors=max_errors,
    )
    place = kept = Place.of(cursor)
    plan = Plan(source, place, rules, known=batch.ledger(since=place.offset), most_rows=max(1, ctx.chunk_rows // CHUNKS))
    kept_at = time.monotonic()
    stopped: WaystationError | None = None
    with Streams(ctx.lane, batch) as streams:
        more = True
        while more:
            try:
                planned = plan.next(streams.part.id)
            except WaystationError as error:
                planned, stopped = None, error
            if planned is None:
                more = False
            else:
                row, made = planned
                if made is None:
                    streams.pass_over(row)
                else:
                    streams.put(row, made.data, rejects=made.reject_rows, binary=made.binary)
            for row, seconds in streams.settled(wait_for_all=not more):
                place = place.after(row)
                plan.learn(row, seconds)
            due = streams.asked or time.monotonic() - kept_at >= STEP or place.record - kept.record >= ctx.chunk_rows
            if place != kept and (due or not more):
                yield _checkpoint(ctx, cursor, place, size)
                kept, kept_at = place, time.monotonic()
        if stopped is not None:
            raise stopped
        streams.finish()
    return {**cursor, **place.as_json()}


def _checkpoint(ctx: Context, cursor: Cursor, place: Place, size: int) -> Checkpoint:
    """The cursor at a place.

    Its commit does not wait for the disk, and is exact all the same. The chunks that it counts were committed before it, so
    they lie before it in PostgreSQL's log: a crash that loses one of them loses this checkpoint, too. Chunks that outlive
    their checkpoint are found in the ledger, which is committed with their rows.
    """
    ctx.db.execute("SET LOCAL synchronous_commit = off")
    cursor = {**cursor, **place.as_json()}
    return Checkpoint(cursor, done=place.offset, total=size, phase="read", counts=counts(cursor))


def counts(cursor: Mapping[str, Any]) -> dict[str, int]:
    """The numbers that are shown beside the progress."""
    return {"good": cursor["good"], "bad": cursor["bad"]}
