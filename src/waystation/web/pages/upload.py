"""The page to upload a file from."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.shapes import DatasetOut

room = Blueprint("upload", __name__)


@room.get("/upload")
def upload() -> ResponseReturnValue:
    """Choose a file."""
    has_page()
    return render_template("upload.html", datasets=[DatasetOut.of(d) for d in current.control().datasets()])
