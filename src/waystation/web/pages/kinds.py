"""The kinds of task, and a form for each; their addresses are the API's own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import InvalidRequest, WaystationError
from waystation.model import JsonValue, KindInfo
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON
from waystation.web.intake import form_with_file
from waystation.web.operations import Guarded
from waystation.web.pages import forms
from waystation.web.shapes import task_url

room = Guarded("kinds_pages", __name__)
OWN_PAGES = {"import": "/upload", "export": "/download"}  # kinds that have a page of their own to start from


def listing(kinds: list[KindInfo]) -> str:
    """All kinds."""
    return render_template("kinds.html", kinds=kinds, own=OWN_PAGES)


def page(kind: KindInfo, like: str | None = None) -> str:
    """One kind, with a form to start a task of it; `like`: filled with the parameters of this task, but for its file, which
    that task has."""
    values = current.control().get(like).params if like else {}
    return _page(kind, {name: value for name, value in values.items() if name != forms.FILE})


def _page(kind: KindInfo, values: Mapping[str, JsonValue], error: WaystationError | None = None) -> str:
    takes_file = forms.takes_file(kind.schema)
    sent = current.control().waiting_upload(str(values.get(forms.FILE))) if takes_file else None
    inputs = forms.inputs(kind.schema, values, wrong=forms.problems(error))
    return render_template("kind.html", kind=kind, inputs=inputs, takes_file=takes_file, sent=sent, error=error)


@room.post("/kinds/<name>/start", needs=Need.SUBMIT)
def start(name: str) -> ResponseReturnValue:
    """Start a task with what was typed; a form with what is wrong in it comes back."""
    has_page()
    control = current.control()
    kind = control.kind(name)
    typed = _typed()
    try:
        task, _ = control.submit(name, forms.read(kind.schema, typed), actor=current.actor())
    except InvalidRequest as error:
        return make_response(_page(kind, typed, error), error.status)
    return redirect(task_url(task), 303)


def _typed() -> dict[str, str]:
    """The fields of the form; in place of a file the id of its upload, which need not come again if something is wrong."""
    if request.mimetype != "multipart/form-data":
        request.max_content_length = MAX_JSON
        return request.form.to_dict()
    control = current.control()
    with current.crowds().upload(control.settings.uploads_at_once), ExitStack() as stack:
        writer, typed = form_with_file(request, control, current.actor(), stack, forms.FILE)
        return typed if writer is None else {**typed, forms.FILE: str(writer.commit().id)}
