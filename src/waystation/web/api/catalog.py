"""What there is: kinds, workers, datasets."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import DatasetNotFound, KindNotFound, TaskNotFound
from waystation.web import current
from waystation.web.api.common import has_page, json_of
from waystation.web.inputs import LikeQuery, PreviewQuery, query
from waystation.web.operations import Answer, Room
from waystation.web.pages import datasets as datasets_pages
from waystation.web.pages import kinds as kinds_pages
from waystation.web.problems import prefers_page
from waystation.web.shapes import (
    BatchList,
    BatchOut,
    DatasetList,
    DatasetOut,
    KindList,
    KindOut,
    Preview,
    WorkerList,
)

room = Room("catalog", __name__)


@room.operation(
    "GET",
    "/kinds",
    "List the kinds of task",
    Answer(200, "The kinds.", KindList),
    needs=Need.SEE,
)
def kinds() -> ResponseReturnValue:
    """The kinds that this server knows, each with the JSON Schema of its parameters."""
    has_page()
    found = current.control().kinds()
    return kinds_pages.listing(found) if prefers_page() else json_of(KindList(kinds=[KindOut.of(k) for k in found]))


@room.operation(
    "GET",
    "/kinds/<name>",
    "Show a kind of task",
    Answer(200, "The kind.", KindOut),
    query=LikeQuery,
    errors=(KindNotFound, TaskNotFound),
    needs=Need.SEE,
)
def kind(name: str) -> ResponseReturnValue:
    """One kind, with the JSON Schema of its parameters. A browser gets a form that starts a task."""
    has_page()
    asked = query(LikeQuery)
    found = current.control().kind(name)
    return kinds_pages.page(found, asked.like) if prefers_page() else json_of(KindOut.of(found))


@room.operation(
    "GET",
    "/workers",
    "List the workers",
    Answer(200, "The workers.", WorkerList),
    needs=Need.SEE,
)
def workers() -> ResponseReturnValue:
    """The workers that were heard of lately, and how many of their slots are busy."""
    return json_of(WorkerList.of(current.control().workers()))


@room.operation(
    "GET",
    "/datasets",
    "List the datasets",
    Answer(200, "The datasets.", DatasetList),
    needs=Need.SEE,
)
def datasets() -> ResponseReturnValue:
    """Every dataset with its columns and its number of rows."""
    has_page()
    found = current.control().datasets()
    return datasets_pages.listing(found) if prefers_page() else json_of(DatasetList(datasets=[DatasetOut.of(d) for d in found]))


@room.operation(
    "GET",
    "/datasets/<name>",
    "Show a dataset",
    Answer(200, "The dataset.", DatasetOut),
    errors=(DatasetNotFound,),
    needs=Need.SEE,
)
def dataset(name: str) -> ResponseReturnValue:
    """One dataset, as readers see it now."""
    has_page()
    found = current.control().dataset(name)
    return datasets_pages.page(found) if prefers_page() else json_of(DatasetOut.of(found))


@room.operation(
    "GET",
    "/datasets/<name>/batches",
    "List a dataset's batches",
    Answer(200, "The batches.", BatchList),
    errors=(DatasetNotFound,),
    needs=Need.SEE,
)
def batches(name: str) -> ResponseReturnValue:
    """What each import published into the dataset, those that were undone too."""
    return json_of(BatchList(batches=[BatchOut.of(b) for b in current.control().batches(name)]))


@room.operation(
    "GET",
    "/datasets/<name>/preview",
    "Show a dataset's first rows",
    Answer(200, "The rows.", Preview),
    query=PreviewQuery,
    errors=(DatasetNotFound,),
    needs=Need.SEE,
)
def preview(name: str) -> ResponseReturnValue:
    """The first rows as text, null for what is empty."""
    columns, rows = current.control().preview(name, limit=query(PreviewQuery).limit)
    return json_of(Preview(columns=columns, rows=rows))
