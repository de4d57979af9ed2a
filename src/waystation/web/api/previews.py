"""A look at an uploaded file before its import."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import (
    EmptyFile,
    InvalidName,
    InvalidParams,
    NoRows,
    NotCsv,
    UnknownColumn,
    UploadNotFound,
    UploadUnfinished,
)
from waystation.web.api.common import has_page, json_of
from waystation.web.inputs import query
from waystation.web.operations import Answer, Room
from waystation.web.pages import preview as page
from waystation.web.policies import Policies
from waystation.web.problems import prefers_page
from waystation.web.shapes import ImportPreview

room = Room("previews", __name__)


@room.operation(
    "GET",
    "/uploads/<upload_id>/preview",
    "Look at a file before its import",
    Answer(200, "What an import would make of it.", ImportPreview),
    query=Policies,
    errors=(
        UploadNotFound,
        UploadUnfinished,
        EmptyFile,
        NotCsv,
        NoRows,
        InvalidName,
        InvalidParams,
        UnknownColumn,
    ),
    needs=Need.OWN,
)
def look_at(upload_id: str) -> ResponseReturnValue:
    """What an import with these options would make of the file, without importing anything: how it is written, its columns
    with their types and why, its first rows, how many of those would be rejected, and columns that look exchanged when they
    are held against the dataset. A browser gets a page from which the import is started."""
    has_page()
    if prefers_page():
        return page.page(upload_id)
    return json_of(ImportPreview.of(page.look(upload_id, query(Policies))))
