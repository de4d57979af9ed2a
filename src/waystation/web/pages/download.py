"""The page to ask for a file of rows."""

from __future__ import annotations

from flask import make_response, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import InvalidRequest, NotFound
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.api.estimates import estimated
from waystation.web.inputs import EstimateQuery, check
from waystation.web.operations import Guarded
from waystation.web.shapes import DatasetOut

room = Guarded("download", __name__)


@room.get("/download", needs=Need.SUBMIT)
def download() -> ResponseReturnValue:
    """Choose the rows; with what was chosen so far, and how many rows it would be."""
    has_page()
    control, typed = current.control(), request.args.to_dict()
    found, error = None, None
    if typed:
        try:
            found = estimated(control, typed.get("dataset") or "data", _asked(typed))
        except (InvalidRequest, NotFound) as wrong:
            error = wrong
    datasets = [DatasetOut.of(d) for d in control.datasets()]
    made = render_template("download.html", datasets=datasets, typed=typed, found=found, error=error)
    return make_response(made, error.status if error else 200)


def _asked(typed: dict[str, str]) -> EstimateQuery:
    names = ("from", "till", "by", "filter")
    return check(EstimateQuery, {name: typed[name] for name in names if typed.get(name)})
