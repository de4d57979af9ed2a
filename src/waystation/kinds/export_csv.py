"""`export`: rows of a dataset to a file, byte for byte the same whether or not it was paused or killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from functools import partial
from typing import Any

from pydantic import ConfigDict, Field

from waystation.csvio.packed import member
from waystation.errors import DatasetNotFound, EmptyDataset, InvalidRange, NoDateColumn, UnknownColumn
from waystation.kinds.export_options import ExportOptions
from waystation.model import Column, Dataset
from waystation.sdk import Checkpoint, Context, Look, Question, Steps, condition, task

STEP = 0.12  # seconds after which a checkpoint is made although few rows were written: a pause waits for it


class ExportParams(ExportOptions):
    """What to export."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    dataset: str = Field("data", description="The dataset to read.")
    from_: date | None = Field(None, alias="from", description="First day, included (YYYY-MM-DD).")
    till: date | None = Field(None, description="Last day, included (YYYY-MM-DD).")
    by: str | None = Field(None, description="Date column to choose rows by; else record_date, else the only one there is.")


@task("export", undoable=True, unit="rows")
def export_csv(ctx: Context, params: ExportParams, cursor: dict[str, Any] | None = None) -> Steps:
    """Export a dataset's rows of a range of dates to a file."""
    low = params.from_.isoformat() if params.from_ else None
    high = params.till.isoformat() if params.till else None
    out, layout = ctx.open_result(*params.file), params.layout()
    pack = _packer(params)
    if cursor is None:
        listing = ctx.pin(params.dataset)  # first, since it keeps publishes out while the columns are read
        dataset = ctx.dataset(params.dataset)
        if dataset is None:
            raise DatasetNotFound(f"There is no dataset named {params.dataset!r}.")
        if not dataset.columns:
            raise EmptyDataset
        chosen = choose_columns(dataset, params.columns)
        if head := layout.head([c.name for c in chosen]):
            out.write(pack(head))
        cursor = {
            "place": [0, -1],
            "columns": [c.as_json() for c in chosen],
            "known": [c.as_json() for c in dataset.columns],
            "by": date_column(dataset, params),
            "stretch": 2 * ctx.chunk_rows,  # kept: settings may change before the end, and the file must not
            "rows": 0,
            "read": 0,
        }
        yield Checkpoint(cursor, done=0, total=listing.rows, phase="write", counts={"rows": 0})

    question = Question(
        columns=_columns(cursor["columns"]),
        layout=layout,
        by=cursor["by"],
        low=low,
        high=high,
        where=condition(params.filter, _columns(cursor["known"])) if params.filter else None,
    )
    place, written, saved = (cursor["place"][0], cursor["place"][1]), 0, time.monotonic()
    with closing(ctx.pinned().read(question, after=place, stretch_rows=cursor["stretch"], pack=pack)) as pieces:
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
    if out.size == 0 and params.compression:
        out.write(pack(b""))  # a file of no bytes at all is no archive
    yield Checkpoint(cursor, done=cursor["read"], phase="write", counts={"rows": cursor["rows"]})
    return {
        "dataset": params.dataset,
        "rows": cursor["rows"],
        "from": low,
        "till": high,
        "by": cursor["by"],
        "columns": [c["name"] for c in cursor["columns"]],
    }


def _packer(params: ExportParams) -> Callable[[bytes], bytes]:
    return partial(member, how=params.compression) if params.compression else lambda data: data


def _columns(values: Sequence[dict[str, str]]) -> tuple[Column, ...]:
    return tuple(Column.of(c) for c in values)


@export_csv.check
def check(look: Look, params: ExportParams) -> None:
    """Refuse at once what can't be exported: no such dataset or column, an empty range, no date to choose by, a filter that
    can't be read."""
    if params.from_ and params.till and params.from_ > params.till:
        raise InvalidRange(f"`from` ({params.from_}) is later than `till` ({params.till}).")
    dataset = look.dataset(params.dataset)
    if dataset is None:
        raise DatasetNotFound(f"There is no dataset named {params.dataset[:60]!r}.")
    if not dataset.columns:
        raise EmptyDataset(f"The dataset {dataset.name!r} holds nothing: every batch of it was undone.")
    date_column(dataset, params)
    choose_columns(dataset, params.columns)
    if params.filter:
        condition(params.filter, dataset.columns)


def choose_columns(dataset: Dataset, names: Sequence[str] | None) -> tuple[Column, ...]:
    """The columns of these names, in this order; all without names. Raises UnknownColumn."""
    if names is None:
        return dataset.columns
    known = {c.name: c for c in dataset.columns}
    for name in names:
        if name not in known:
            raise UnknownColumn(f"The dataset {dataset.name!r} has no column {name[:60]!r}.", columns=list(known))
    return tuple(known[name] for name in names)


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
