"""`export`: rows of a dataset by date to a CSV file, byte for byte the same whether or not it was paused or killed."""

from __future__ import annotations

import csv
import io
import time
from contextlib import closing
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from waystation.errors import DatasetNotFound, EmptyDataset, InvalidRange, NoDateColumn, UnknownColumn
from waystation.model import Dataset
from waystation.sdk import Checkpoint, Context, Look, Question, Steps, task

STEP = 0.12  # seconds after which a checkpoint is made although few rows were written: a pause waits for it


class ExportParams(BaseModel):
    """What to export."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    dataset: str = Field("data", description="The dataset to read.")
    from_: date | None = Field(None, alias="from", description="First day, included (YYYY-MM-DD).")
    till: date | None = Field(None, description="Last day, included (YYYY-MM-DD).")
    by: str | None = Field(None, description="Date column to choose rows by; else record_date, else the only one there is.")
    format: Literal["csv"] = Field("csv", description="Form of the file.")


@task("export", undoable=True, unit="rows", step_timeout=3600)
def export_csv(ctx: Context, params: ExportParams, cursor: dict[str, Any] | None = None) -> Steps:
    """Export a dataset's rows of a range of dates to a CSV file."""
    low = params.from_.isoformat() if params.from_ else None
    high = params.till.isoformat() if params.till else None
    out = ctx.open_result("data.csv")
    if cursor is None:
        listing = ctx.pin(params.dataset)  # first, since it keeps publishes out while the columns are read
        dataset = ctx.dataset(params.dataset)
        if dataset is None:
            raise DatasetNotFound(f"There is no dataset named {params.dataset!r}.")
        if not dataset.columns:
            raise EmptyDataset
        names = [c.name for c in dataset.columns]
        out.write(header_line(names))
        cursor = {
            "place": [0, -1],
            "columns": names,
            "by": date_column(dataset, params),
            "stretch": 2 * ctx.chunk_rows,  # kept: settings may change before the end, and the file must not
            "rows": 0,
            "read": 0,
        }
        yield Checkpoint(cursor, done=0, total=listing.rows, phase="write", counts={"rows": 0})

    by = cursor["by"]
    question = Question(tuple(cursor["columns"]), by, low, high)
    place, written, saved = (cursor["place"][0], cursor["place"][1]), 0, time.monotonic()
    with closing(ctx.pinned().read(question, after=place, stretch_rows=cursor["stretch"])) as pieces:
        for piece in pieces:
            out.write(piece.data)
            written += piece.rows
            cursor = {
                **cursor,
                "place": list(piece.place),
                "rows": cursor["rows"] + piece.rows,
                "read": cursor["read"] + piece.passed,
            }
            if written >= ctx.chunk_rows or time.monotonic() - saved > STEP:
                yield Checkpoint(cursor, done=cursor["read"], phase="write", counts={"rows": cursor["rows"]})
                written, saved = 0, time.monotonic()
    yield Checkpoint(cursor, done=cursor["read"], phase="write", counts={"rows": cursor["rows"]})
    return {"dataset": params.dataset, "rows": cursor["rows"], "from": low, "till": high, "by": by}


@export_csv.check
def check(look: Look, params: ExportParams) -> None:
    """Refuse at once what can't be exported: no such dataset or column, an empty range, no date to choose by."""
    if params.from_ and params.till and params.from_ > params.till:
        raise InvalidRange(f"`from` ({params.from_}) is later than `till` ({params.till}).")
    dataset = look.dataset(params.dataset)
    if dataset is None:
        raise DatasetNotFound(f"There is no dataset named {params.dataset[:60]!r}.")
    if not dataset.columns:
        raise EmptyDataset(f"The dataset {dataset.name!r} holds nothing: every batch of it was undone.")
    date_column(dataset, params)


def date_column(dataset: Dataset, params: ExportParams) -> str | None:
    """The column to choose rows by; None without a range. Raises UnknownColumn and NoDateColumn."""
    if params.from_ is None and params.till is None:
        return None
    dates = [c.name for c in dataset.columns if c.type in ("date", "timestamp")]
    if params.by is not None:
        if params.by not in {c.name for c in dataset.columns}:
            raise UnknownColumn(f"The dataset {dataset.name!r} has no column {params.by[:60]!r}.")
        if params.by not in dates:
            raise NoDateColumn(f"The column {params.by!r} holds no dates.")
        return params.by
    if "record_date" in dates:
        return "record_date"
    if len(dates) != 1:
        said = f"date columns: {', '.join(dates)}" if dates else "no date column"
        raise NoDateColumn(f"The dataset {dataset.name!r} has {said}.")
    return dates[0]


def header_line(names: list[str]) -> bytes:
    """The first line of the file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    return text.getvalue().encode()
