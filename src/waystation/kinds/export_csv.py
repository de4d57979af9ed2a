"""`export`: rows of a dataset to a file, byte for byte the same whether or not it was paused or killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from datetime import date
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from waystation.csvio.packed import member
from waystation.errors import DatasetNotFound, EmptyDataset, InvalidOrder, InvalidRange, NoDateColumn, UnknownColumn
from waystation.kinds.converting import DRAFT, check_days, check_fits, convert
from waystation.kinds.export_options import ExportOptions
from waystation.model import Column, Dataset
from waystation.outputs import check_available
from waystation.sdk import Checkpoint, Context, Look, Order, Question, Steps, condition, task
from waystation.sdk.result import Result

PAGE = 20_000  # sorted rows that are written at once
SHOWN_COLUMNS = 20  # that an error names
STEP = 0.12  # seconds after which a checkpoint is made although few rows were written: a pause waits for it


Pack = Callable[[bytes], bytes]


class ExportRange(BaseModel):
    """Which rows to export."""

    dataset: str = Field("data", description="The dataset to read.")
    from_: date | None = Field(None, alias="from", description="First day, included (YYYY-MM-DD).")
    till: date | None = Field(None, description="Last day, included (YYYY-MM-DD).")
    by: str | None = Field(None, description="Date column to choose rows by; else record_date, else the only one there is.")


class ExportParams(ExportOptions, ExportRange):
    """What to export: the rows first, then how they are written."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @property
    def days(self) -> str:
        """The days of the range as people say them; nothing without one."""
        if self.from_ and self.till:
            return f"{self.from_} to {self.till}"
        return f"from {self.from_}" if self.from_ else f"till {self.till}" if self.till else ""

    @property
    def stem(self) -> str:
        """The name of the file without its ending."""
        return "_".join([self.dataset, *self.days.replace(" to ", " ").split()])

    @property
    def everything(self) -> bool:
        """Whether all rows are wanted."""
        return not (self.from_ or self.till or self.filter)


@task("export", undoable=True, unit="rows")
def export_csv(ctx: Context, params: ExportParams, cursor: dict[str, Any] | None = None) -> Steps:
    """Export a dataset's rows of a range of dates to a file."""
    low = params.from_.isoformat() if params.from_ else None
    high = params.till.isoformat() if params.till else None
    stem = params.stem if cursor is None else cursor.get("stem", "data")  # as all were called once
    out = ctx.open_draft(DRAFT) if params.converted else ctx.open_result(*params.file(stem))
    layout = params.layout()
    pack = _packer(params)
    if cursor is None:
        listing = ctx.pin(params.dataset)  # first, since it keeps publishes out while the columns are read
        dataset = ctx.dataset(params.dataset)
        if dataset is None:
            raise DatasetNotFound(f"There is no dataset named {params.dataset!r}.")
        if not dataset.columns:
            raise EmptyDataset
        chosen = choose_columns(dataset, params.columns)
        if params.everything:
            check_days(params, listing, chosen)
        if head := layout.head([c.name for c in chosen]):
            out.write(pack(head))
        cursor = {
            "stem": stem,
            "place": [0, -1],
            "columns": [c.as_json() for c in chosen],
            "known": [c.as_json() for c in dataset.columns],
            "by": date_column(dataset, params),
            "stretch": ctx.chunk_rows,  # kept: settings may change before the end, and the file must not
            "page": min(ctx.chunk_rows, PAGE),
            "total": listing.rows,
            "rows": 0,
            "read": 0,
        }
        yield _saved(cursor)

    question = Question(
        columns=_columns(cursor["columns"]),
        layout=layout,
        by=cursor["by"],
        low=low,
        high=high,
        where=condition(params.filter, _columns(cursor["known"])) if params.filter else None,
    )
    if not cursor.get("written"):
        if params.order:
            order = choose_order(_columns(cursor["known"]), params.order)
            cursor = yield from _write_sorted(ctx, params, out, question, order, cursor, pack)
        else:
            cursor = yield from _write(ctx, params, out, question, cursor, pack)
        if out.size == 0 and params.compression:
            out.write(pack(b""))  # a file of no bytes at all is no archive
        cursor = {**cursor, "written": True}
        yield _saved(cursor)
    told: dict[str, Any] = {}
    if params.converted:
        told = yield from convert(ctx, params, out, question.columns, cursor["rows"], stem)
    return {
        "dataset": params.dataset,
        "rows": cursor["rows"],
        "from": low,
        "till": high,
        "by": cursor["by"],
        "columns": [c["name"] for c in cursor["columns"]],
        **told,
    }


def _write(
    ctx: Context, params: ExportParams, out: Result, question: Question, cursor: dict[str, Any], pack: Pack
) -> Generator[Checkpoint, None, dict[str, Any]]:
    """The rows in the order of the files; the cursor at the end."""
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
            check_fits(params, cursor["rows"])
            if written >= ctx.chunk_rows or time.monotonic() - saved > STEP:
                yield _saved(cursor)
                written, saved = 0, time.monotonic()
    return cursor


def _write_sorted(
    ctx: Context,
    params: ExportParams,
    out: Result,
    question: Question,
    order: Order,
    cursor: dict[str, Any],
    pack: Pack,
) -> Generator[Checkpoint, None, dict[str, Any]]:
    """The rows in the order of a column; the cursor at the end."""
    after = (cursor["place"][0], cursor["place"][1]) if cursor["rows"] else None
    begun = False  # a sort that has given nothing yet has to be begun again by the next attempt
    pages = ctx.pinned().read_sorted(question, order, after=after, page_rows=cursor["page"], pack=pack)
    with closing(pages):
        for page in pages:
            if page.place is not None:
                begun = True
                out.write(page.data)
                rows = cursor["rows"] + page.rows
                cursor = {**cursor, "place": list(page.place), "rows": rows, "read": rows}
            check_fits(params, cursor["rows"])
            yield _saved(cursor, phase="write" if begun else "sort", keep_slot=not begun)
    return {**cursor, "read": cursor["total"]}


def _saved(cursor: dict[str, Any], *, phase: str = "write", keep_slot: bool = False) -> Checkpoint:
    counts = {"rows": cursor["rows"]}
    return Checkpoint(cursor, done=cursor["read"], total=cursor["total"], phase=phase, counts=counts, keep_slot=keep_slot)


def _packer(params: ExportParams) -> Pack:
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
    if params.converted:
        check_available(params.converted)
        if params.everything:
            check_fits(params, dataset.rows)
    if params.filter:
        condition(params.filter, dataset.columns)
    if params.order:
        choose_order(dataset.columns, params.order)


@export_csv.label
def label(params: ExportParams) -> str:
    """The dataset and the days; of what a filter chooses only that it does, since it may hold what is nobody's business."""
    more = "all rows" if params.everything else "filtered" if params.filter else ""
    return ", ".join(part for part in (params.dataset, params.days, more) if part)


def question_of(params: ExportParams, dataset: Dataset) -> Question:
    """Which rows of a dataset are asked for, of columns as they are now. Raises what `check` does."""
    return Question(
        columns=dataset.columns,
        layout=params.layout(),
        by=date_column(dataset, params),
        low=params.from_.isoformat() if params.from_ else None,
        high=params.till.isoformat() if params.till else None,
        where=condition(params.filter, dataset.columns) if params.filter else None,
    )


def _no_column(detail: str, field: str, known: list[str]) -> UnknownColumn:
    """The error for a field that names a column which is not there: it tells those that are."""
    some = ", ".join(known[:SHOWN_COLUMNS]) + (f" and {len(known) - SHOWN_COLUMNS} more" if len(known) > SHOWN_COLUMNS else "")
    return UnknownColumn(detail, remedy=f"Take one of its columns: {some}.", field=field, columns=known)


def choose_columns(dataset: Dataset, names: Sequence[str] | None) -> tuple[Column, ...]:
    """The columns of these names, in this order; all without names. Raises UnknownColumn."""
    if names is None:
        return dataset.columns
    known = {c.name: c for c in dataset.columns}
    for name in names:
        if name not in known:
            raise _no_column(f"The dataset {dataset.name!r} has no column {name[:60]!r}.", "columns", list(known))
    return tuple(known[name] for name in names)


def choose_order(columns: Sequence[Column], asked: str) -> Order:
    """The order that `COLUMN`, `COLUMN asc` or `COLUMN desc` means. Raises UnknownColumn and InvalidOrder."""
    known = {c.name: c for c in columns}
    name, _, way = asked.strip().rpartition(" ")
    if asked.strip() in known or way.lower() not in ("asc", "desc"):
        name, way = asked.strip(), "asc"
    column = known.get(name.strip().strip('"'))
    if column is None:
        raise _no_column(f"`order` names {name[:60]!r}, which is no column.", "order", list(known))
    if column.type == "json":
        raise InvalidOrder(f"The column {column.name!r} holds json, which has no order.")
    return Order(column, way.lower() == "desc")


def date_column(dataset: Dataset, params: ExportParams) -> str | None:
    """The column to choose rows by; None without a range: one that is named must be there all the same. Raises UnknownColumn
    and NoDateColumn."""
    dates = [c.name for c in dataset.columns if c.type in ("date", "timestamp")]
    if params.by is not None:
        if params.by not in {c.name for c in dataset.columns}:
            names = [c.name for c in dataset.columns]
            raise _no_column(f"The dataset {dataset.name!r} has no column {params.by[:60]!r}.", "by", names)
        if params.by not in dates:
            raise NoDateColumn(f"The column {params.by!r} holds no dates.")
    if params.from_ is None and params.till is None:
        return None
    if params.by is not None:
        return params.by
    if "record_date" in dates:
        return "record_date"
    if len(dates) != 1:
        said = f"date columns: {', '.join(dates)}" if dates else "no date column"
        raise NoDateColumn(f"The dataset {dataset.name!r} has {said}.")
    return dates[0]
