"""The page of one task; its address is the API's own."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import render_template
from flask.typing import ResponseReturnValue
from pydantic import Field

from waystation.access import Need
from waystation.model import JsonValue, Task
from waystation.web import current
from waystation.web.api.stream import streamed
from waystation.web.inputs import ShowQuery, query
from waystation.web.operations import Guarded
from waystation.web.pages import preview, timeline
from waystation.web.pages.live import TaskView
from waystation.web.pages.rejected import rejected
from waystation.web.shapes import TaskOut

room = Guarded("one", __name__)


class Places(ShowQuery):
    """Before which lines of the timeline and the log the page shows them; without one it shows the newest."""

    before: int | None = Field(None, ge=1)
    log_before: int | None = Field(None, ge=1)


def page(task: Task) -> str:
    """Everything that is known of a task."""
    control = current.control()
    names, rows = rejected(control, task)
    at = query(Places)
    return render_template(
        "task.html",
        task=TaskOut.of(task),
        story=timeline.story(control, task.id, at.before),
        log=timeline.log(control, task.id, at.log_before),
        live=at.before is None and at.log_before is None,  # what lies back does not change
        reject_names=names,
        reject_rows=rows,
        asked=asked(task),
        again=again(task),
    )


def asked(task: Task) -> dict[str, JsonValue]:
    """What its request said beyond what is usual, and beyond what the page shows elsewhere."""
    kind = current.control().registry.find(task.kind)
    usual = {name: field.get("default") for name, field in kind.info().schema.get("properties", {}).items()} if kind else {}
    shown = ("upload", "dataset")
    return {n: v for n, v in task.params.items() if n not in shown and v not in (None, {}, [], usual.get(n))}


def again(task: Task) -> tuple[str, str] | None:
    """Where the same can be asked for once more, and what that is called; an imported file has to be uploaded again."""
    if task.kind == "import" and task.params.get("dry_run"):
        return "Import this file", preview.address(task.params)
    if task.kind == "import":
        return "Upload another file into it", f"/upload?{urlencode({'dataset': task.dataset})}" if task.dataset else "/upload"
    if current.control().registry.find(task.kind) is None:
        return None
    return "Start again with these settings", f"/kinds/{task.kind}?{urlencode({'like': str(task.id)})}"


@room.get("/live/<task_id>", needs=Need.SEE)
def changes(task_id: str) -> ResponseReturnValue:
    """The changes of a task's page as server-sent events."""
    return streamed(TaskView(current.control().get(task_id)).write)
