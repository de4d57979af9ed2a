"""The kinds of task, and a form for each; their addresses are the API's own."""

from __future__ import annotations

from collections.abc import Mapping

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import InvalidRequest, WaystationError
from waystation.model import JsonValue, KindInfo
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON
from waystation.web.operations import Guarded
from waystation.web.pages import forms
from waystation.web.shapes import task_url

room = Guarded("kinds_pages", __name__)
OWN_PAGES = {"import": "/upload", "export": "/download"}  # kinds that have a page of their own to start from


def listing(kinds: list[KindInfo]) -> str:
    """All kinds."""
    return render_template("kinds.html", kinds=kinds, own=OWN_PAGES)


def page(kind: KindInfo, like: str | None = None) -> str:
    """One kind, with a form to start a task of it; `like`: filled with the parameters of this task."""
    values = current.control().get(like).params if like else None
    return _page(kind, values)


def _page(kind: KindInfo, values: Mapping[str, JsonValue] | None, error: WaystationError | None = None) -> str:
    return render_template("kind.html", kind=kind, inputs=forms.inputs(kind.schema, values), error=error)


@room.post("/kinds/<name>/start", needs=Need.SUBMIT)
def start(name: str) -> ResponseReturnValue:
    """Start a task with what was typed; a form with what is wrong in it comes back."""
    has_page()
    request.max_content_length = MAX_JSON
    control = current.control()
    kind = control.kind(name)
    typed = request.form.to_dict()
    try:
        task, _ = control.submit(name, forms.read(kind.schema, typed), actor=current.actor())
    except InvalidRequest as error:
        return make_response(_page(kind, typed, error), error.status)
    return redirect(task_url(task), 303)
