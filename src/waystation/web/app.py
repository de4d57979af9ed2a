"""The Flask application: rooms of routes, one error handler, and headers that hold for every answer."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, request

from waystation.web import current, guards, packing, page, problems, provider, spans
from waystation.web.api import (
    asking,
    audit,
    catalog,
    estimates,
    limits,
    outcome,
    previews,
    probes,
    reference,
    schedules,
    stream,
    tasks,
    tokens,
    transfer,
    uploads,
    webhooks,
)
from waystation.web.openapi import document
from waystation.web.operations import Operation, Room, needs_of
from waystation.wiring import House

ROOMS: tuple[Room, ...] = (
    transfer.room,
    uploads.room,
    previews.room,
    tasks.room,
    asking.room,
    outcome.room,
    stream.room,
    catalog.room,
    estimates.room,
    limits.room,
    schedules.room,
    webhooks.room,
    tokens.room,
    audit.room,
    probes.room,
    reference.room,
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_app(house: House | Callable[[], House]) -> Flask:
    """The application of one process: on an open house (which the caller closes), or on one that the first request opens."""
    app = Flask("waystation.web", static_folder="static", template_folder="templates")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    current.install(app, current.Doorstep(house if callable(house) else lambda: house))
    problems.install(app)
    for room in ROOMS:
        app.register_blueprint(room)
    page.install(app)
    provider.install(app)
    app.extensions["openapi"] = document(operations())
    guards.install(app, needs_of(app))
    packing.install(app)
    app.after_request(_headers)
    spans.install(app)
    return app


def operations() -> list[Operation]:
    """Every operation of the API."""
    return [op for room in ROOMS for op in room.operations]


def _headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
