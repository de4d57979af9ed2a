"""What the rooms of the API share: how an answer is written, and where a person's browser goes after a form."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, g, redirect, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from waystation.errors import Forbidden, MethodNotAllowed, UnknownVerb, VerbNotPossible
from waystation.model import Task
from waystation.web.operations import Answer, Errors
from waystation.web.problems import prefers_page
from waystation.web.shapes import TaskOut, task_url

KEY_HEADER = {"Idempotency-Key": "The same request with the same key makes one task; it is answered again with 200."}
ACTOR_HEADER = {"X-Actor": "Who asks; shown in the timeline."}
ACCEPTED = (
    Answer(202, "The task was made and waits for a worker.", TaskOut, headers={"Location": "The task's address."}),
    Answer(200, "The task that an earlier request with this Idempotency-Key made.", TaskOut),
    Answer(303, "To a form of the page: to the page of the new task.", headers={"Location": "The page."}),
)
ACTING_GET: Errors = (Forbidden, MethodNotAllowed)
VERB_ERRORS: Errors = (VerbNotPossible, UnknownVerb)


def has_page() -> None:
    """This address has something to show to people: its errors may be pages too."""
    g.has_page = True


def json_of(shape: BaseModel, status: int = 200) -> Response:
    """A shape as JSON."""
    return Response(shape.model_dump_json(), status=status, mimetype="application/json")


def submitted(task: Task, created: bool) -> ResponseReturnValue:
    """The answer to whoever asked for a new task."""
    if request.method == "POST" and prefers_page():
        return redirect(task_url(task), 303)
    response = json_of(TaskOut.of(task), 202 if created else 200)
    response.headers["Location"] = task_url(task)
    return response


def back(otherwise: str = "/") -> Response:
    """To the page of ours whose form sent this request; not to one that only asked whether it should."""
    came = urlsplit(request.headers.get("Referer", ""))
    ours = came.netloc.lower() == request.host.lower() and came.path.startswith("/") and not came.path.startswith("//")
    ours = ours and not came.path.endswith("/ask")
    target = f"{came.path}?{came.query}" if ours and came.query else came.path if ours else otherwise
    response = redirect(target, 303)
    assert isinstance(response, Response)
    return response
