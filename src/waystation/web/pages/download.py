"""The page to ask for a file of rows."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.shapes import DatasetOut

room = Blueprint("download", __name__)


@room.get("/download")
def download() -> ResponseReturnValue:
    """Choose the rows."""
    has_page()
    return render_template("download.html", datasets=[DatasetOut.of(d) for d in current.control().datasets()])
