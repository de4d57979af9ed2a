"""The page of one task; its address is the API's own."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from waystation.model import Task
from waystation.web import current
from waystation.web.api.stream import streamed
from waystation.web.pages.live import TaskView
from waystation.web.shapes import TaskOut

room = Blueprint("one", __name__)


def page(task: Task) -> str:
    """Everything that is known of a task."""
    control = current.control()
    return render_template("task.html", task=TaskOut.of(task), events=control.events(task.id))


@room.get("/live/<task_id>")
def changes(task_id: str) -> ResponseReturnValue:
    """The changes of a task's page as server-sent events."""
    return streamed(TaskView(current.control().get(task_id)).write)
