"""What the API says of itself: OpenAPI, its page, and the table of errors."""

from __future__ import annotations

from flask import current_app, jsonify, render_template
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import table
from waystation.web.operations import Answer, Room

room = Room("reference", __name__)


@room.operation(
    "GET",
    "/openapi.json",
    "This reference, for programs",
    Answer(200, "An OpenAPI 3.1 document."),
    needs=Need.NOTHING,
)
def openapi() -> ResponseReturnValue:
    """The OpenAPI document, written from the same registry that the routes are made from."""
    return jsonify(current_app.extensions["openapi"])


@room.operation(
    "GET",
    "/docs",
    "This reference, for people",
    Answer(200, "A page.", media_type="text/html"),
    needs=Need.NOTHING,
)
def docs() -> ResponseReturnValue:
    """The API reference; it loads nothing from elsewhere."""
    return render_template("docs.html")


@room.operation(
    "GET",
    "/docs/errors",
    "The table of errors",
    Answer(200, "A page.", media_type="text/html"),
    needs=Need.NOTHING,
)
def docs_errors() -> ResponseReturnValue:
    """Every error with its code, its status and what to do about it; a problem's `type` points here."""
    return render_template("errors.html", errors=table())
