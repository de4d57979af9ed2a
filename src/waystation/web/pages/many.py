"""One verb for the tasks that were picked from the list: first what it would do to them, then what it did."""

from __future__ import annotations

from uuid import UUID

from flask import render_template, request
from flask.typing import ResponseReturnValue
from pydantic import Field

from waystation.access import Need
from waystation.model import Task, TaskFilter, Verb
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON, Input, check
from waystation.web.operations import Guarded
from waystation.web.pages import live
from waystation.web.pages.consequences import DONE_WITH, TAKES_BACK, consequence
from waystation.web.shapes import TaskOut
from waystation.web.words import count

room = Guarded("many", __name__)
MOST = 100  # tasks at a time; the API takes more, by a filter


class Picked(Input):
    """The verb, and the tasks."""

    verb: Verb
    id: list[UUID] = Field(min_length=1, max_length=MOST)
    reason: str | None = Field(None, max_length=1000)

    @property
    def which(self) -> TaskFilter:
        """The tasks as a filter."""
        return TaskFilter(ids=tuple(self.id))


def _picked() -> Picked:
    request.max_content_length = MAX_JSON
    values = {name: value for name in ("verb", "reason") if (value := request.values.get(name))}
    return check(Picked, {**values, "id": request.values.getlist("id")})


@room.get("/many", needs=Need.OWN)
def ask() -> ResponseReturnValue:
    """What the verb would do to each of them."""
    has_page()
    picked, control = _picked(), current.control()
    found = [(TaskOut.of(t), consequence(picked.verb, control.holds(t.id))) for t in _tasks(picked)]
    return render_template(
        "many.html",
        verb=picked.verb,
        does=DONE_WITH[picked.verb],
        takes_back=picked.verb in TAKES_BACK,
        can=[pair for pair in found if pair[1].possible],
        cannot=[pair for pair in found if not pair[1].possible],
    )


@room.post("/many", needs=Need.OWN)
def do() -> ResponseReturnValue:
    """Do it, and say what became of each."""
    has_page()
    picked, control = _picked(), current.control()
    done = control.act_many(picked.verb, picked.which, actor=current.actor(), reason=picked.reason, limit=MOST)
    changed = sum(one.changed for one in done)
    said = f"{picked.verb.value.capitalize()}: {count(changed, 'task')} of {len(done)} changed."
    if live.wants_parts():
        return live.acted([one.task for one in done], said)
    return render_template("many_done.html", said=said, outcomes=[(TaskOut.of(o.task), o) for o in done])


def _tasks(picked: Picked) -> list[Task]:
    return current.control().page(picked.which, limit=MOST).tasks
