"""What there is: kinds, workers, datasets."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from waystation.errors import DatasetNotFound
from waystation.web import current
from waystation.web.api.common import json_of
from waystation.web.inputs import PreviewQuery, query
from waystation.web.operations import Answer, Room
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


@room.operation("GET", "/kinds", "List the kinds of task", Answer(200, "The kinds.", KindList))
def kinds() -> ResponseReturnValue:
    """The kinds that this server knows, each with the JSON Schema of its parameters."""
    return json_of(KindList(kinds=[KindOut.of(k) for k in current.control().kinds()]))


@room.operation("GET", "/workers", "List the workers", Answer(200, "The workers.", WorkerList))
def workers() -> ResponseReturnValue:
    """The workers that were heard of lately, and how many of their slots are busy."""
    return json_of(WorkerList.of(current.control().workers()))


@room.operation("GET", "/datasets", "List the datasets", Answer(200, "The datasets.", DatasetList))
def datasets() -> ResponseReturnValue:
    """Every dataset with its columns and its number of rows."""
    return json_of(DatasetList(datasets=[DatasetOut.of(d) for d in current.control().datasets()]))


@room.operation("GET", "/datasets/<name>", "Show a dataset", Answer(200, "The dataset.", DatasetOut), errors=(DatasetNotFound,))
def dataset(name: str) -> ResponseReturnValue:
    """One dataset, as readers see it now."""
    return json_of(DatasetOut.of(current.control().dataset(name)))


@room.operation(
    "GET",
    "/datasets/<name>/batches",
    "List a dataset's batches",
    Answer(200, "The batches.", BatchList),
    errors=(DatasetNotFound,),
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
)
def preview(name: str) -> ResponseReturnValue:
    """The first rows as text, null for what is empty."""
    columns, rows = current.control().preview(name, limit=query(PreviewQuery).limit)
    return json_of(Preview(columns=columns, rows=rows))
