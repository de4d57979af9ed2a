"""The page to ask for a file of rows."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.operations import Guarded
from waystation.web.shapes import DatasetOut

room = Guarded("download", __name__)


@room.get("/download", needs=Need.SUBMIT)
def download() -> ResponseReturnValue:
    """Choose the rows."""
    has_page()
    datasets = [DatasetOut.of(d) for d in current.control().datasets()]
    return render_template("download.html", datasets=datasets, dataset=request.args.get("dataset", ""))
