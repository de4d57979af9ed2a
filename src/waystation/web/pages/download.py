"""The page to ask for a file of rows."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import (
    DatasetNotFound,
    EmptyDataset,
    InvalidFilter,
    InvalidOrder,
    InvalidRange,
    InvalidRequest,
    NoDateColumn,
    NotFound,
    WaystationError,
)
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.api.estimates import estimated
from waystation.web.inputs import DownloadRequest, EstimateQuery, body, check
from waystation.web.operations import Guarded
from waystation.web.pages import forms
from waystation.web.shapes import DatasetOut, task_url

room = Guarded("download", __name__)
FIELD_OF: dict[type[WaystationError], str] = {  # where it was typed what an error is about
    DatasetNotFound: "dataset",
    EmptyDataset: "dataset",
    InvalidRange: "till",
    NoDateColumn: "by",
    InvalidFilter: "filter",
    InvalidOrder: "order",
}
FIELDS = frozenset({"dataset", "from", "till", "by", "columns", "filter", "order"})


@room.get("/download", needs=Need.SUBMIT)
def download() -> ResponseReturnValue:
    """Choose the rows; with what was chosen so far, and how many rows it would be."""
    has_page()
    return _page(request.args.to_dict())


@room.post("/download", needs=Need.SUBMIT)
def start() -> ResponseReturnValue:
    """Start the export, and lead to it; the form comes back with what is wrong in it."""
    has_page()
    try:
        asked = body(DownloadRequest)
        task, _ = current.control().submit("export", asked.params(), actor=current.actor(), priority=asked.priority)
    except (InvalidRequest, NotFound) as error:
        return _page(request.form.to_dict(), error)
    return redirect(task_url(task), 303)


def _page(typed: dict[str, str], error: WaystationError | None = None) -> ResponseReturnValue:
    control, found = current.control(), None
    if typed and error is None:
        try:
            found = estimated(control, typed.get("dataset") or "data", _asked(typed))
        except (InvalidRequest, NotFound) as wrong:
            error = wrong
    live = "HX-Request" in request.headers  # then only the estimate is renewed
    at = None if live or error is None else _field(error)
    datasets = [DatasetOut.of(d) for d in control.datasets()]
    made = render_template("download.html", datasets=datasets, typed=typed, found=found, error=error, at=at)
    return make_response(made, error.status if error else 200)


def _field(error: WaystationError) -> str | None:
    """The field that an error is about, if it is about one."""
    told = FIELD_OF.get(type(error)) or error.extra.get("field") or next(iter(forms.problems(error)), None)
    return told if told in FIELDS else None


def _asked(typed: dict[str, str]) -> EstimateQuery:
    names = ("from", "till", "by", "filter")
    return check(EstimateQuery, {name: typed[name] for name in names if typed.get(name)})
