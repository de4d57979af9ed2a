"""How many rows a download would have, before it is started."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.control import Control, Looker
from waystation.errors import (
    DatasetNotFound,
    EmptyDataset,
    InvalidDate,
    InvalidFilter,
    InvalidRange,
    NoDateColumn,
    UnknownColumn,
)
from waystation.kinds.export_csv import ExportParams, check, question_of
from waystation.storage.estimating import estimate
from waystation.web import current
from waystation.web.api.common import json_of
from waystation.web.inputs import EstimateQuery, query
from waystation.web.operations import Answer, Room
from waystation.web.shapes import EstimateOut

room = Room("estimates", __name__)


def estimated(control: Control, name: str, asked: EstimateQuery) -> EstimateOut:
    """What a download that asks so would have. Raises what its submission would."""
    params = ExportParams.model_validate(control.registry.get("export").parse({"dataset": name, **asked.params()}).model_dump())
    dataset = control.dataset(name)
    with control.database.transaction() as connection:
        check(Looker(connection, control.files, control.settings), params)
        question = question_of(params, dataset)
        found = estimate(connection, name, question)
    return EstimateOut(
        dataset=name,
        rows=found.rows,
        low=found.low,
        high=found.high,
        exact=found.low == found.high,
        by=question.by,
        of=dataset.rows,
    )


@room.operation(
    "GET",
    "/datasets/<name>/estimate",
    "Estimate the rows of a download",
    Answer(200, "About so many, and the bounds that hold.", EstimateOut),
    query=EstimateQuery,
    errors=(DatasetNotFound, EmptyDataset, InvalidDate, InvalidFilter, InvalidRange, NoDateColumn, UnknownColumn),
    needs=Need.SEE,
)
def look(name: str) -> ResponseReturnValue:
    """How many rows a download of this range and filter would have, without making it: `low` and `high` surely hold, `rows` is
    a guess between them from rows that were looked at. It reads what is known of the dates in the imported chunks and a few
    thousand rows, whatever the size of the dataset; where few rows are in doubt they are counted, and the number is exact."""
    return json_of(estimated(current.control(), name, query(EstimateQuery)))
