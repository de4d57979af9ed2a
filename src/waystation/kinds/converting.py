"""The second phase of an export to Parquet or XLSX: the rows, which are all there, become the file that was asked for.

Such a file can't be gone on with in its middle. So an attempt that finds the rows written makes the file anew, in constant
memory; a pause, a stop and the end of the worker are obeyed between any two of its steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from waystation.kinds.export_options import ExportOptions
from waystation.model import Column
from waystation.outputs import batches, output
from waystation.outputs.xlsx import check_first_day, check_rows
from waystation.sdk import Checkpoint, Context
from waystation.sdk.listing import Listing
from waystation.sdk.result import Result

DRAFT = "rows"  # the name of what the first phase writes
STEP = 0.12  # seconds after which a checkpoint is made


def check_fits(params: ExportOptions, rows: int) -> None:
    """Raises DoesNotFit for more rows than the form can hold."""
    if params.converted == "xlsx":
        check_rows(rows)


def check_days(params: ExportOptions, listing: Listing, columns: Sequence[Column]) -> None:
    """All rows are wanted: raises DoesNotFit for days that the form can't hold, before anything is written."""
    if params.converted == "xlsx":
        for column in columns:
            if column.type in ("date", "timestamp"):
                check_first_day(column.name, listing.least(column.name))


def convert(
    ctx: Context, params: ExportOptions, draft: Result, columns: Sequence[Column], rows: int, stem: str
) -> Generator[Checkpoint, None, dict[str, Any]]:
    """Make the file, called `stem`; what the task's result says of it. Raises DoesNotFit and FormatUnavailable."""
    assert params.converted is not None
    out = ctx.open_result(*params.file(stem), anew=True)
    with output(params.converted, columns, out.write, rows=rows, size=draft.size) as made:
        if made.measures:
            yield from _pass(draft, made.measure, rows, "measure")
        yield from _pass(draft, made.add, rows, "convert")
        texts = made.finish()
    return {"as_text": texts} if texts else {}


def _pass(draft: Result, take: Callable[[Sequence[bytes]], None], rows: int, phase: str) -> Generator[Checkpoint, None, None]:
    """Go once through all rows."""
    done, saved = 0, time.monotonic()
    yield Checkpoint(done=0, total=rows, phase=phase, keep_slot=True)
    for batch in batches(draft.read()):
        take(batch)
        done += len(batch)
        if time.monotonic() - saved > STEP:
            yield Checkpoint(done=done, total=rows, phase=phase, keep_slot=True)
            saved = time.monotonic()
    yield Checkpoint(done=done, total=rows, phase=phase, keep_slot=True)
