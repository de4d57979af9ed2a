"""Before and behind a task: what a verb would do to it, and how fast it was."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import TaskNotFound, UnknownVerb
from waystation.model import Verb
from waystation.web import current
from waystation.web.api.common import has_page, json_of
from waystation.web.operations import Answer, Room
from waystation.web.pages.consequences import DONE_WITH, consequence
from waystation.web.problems import prefers_page
from waystation.web.rates import rates
from waystation.web.shapes import ConsequenceOut, RateOut, TaskOut

room = Room("asking", __name__)
VERBS = tuple(v.value for v in Verb)


@room.operation(
    "GET",
    "/tasks/<task_id>/<verb>/ask",
    "Ask what a verb would do to a task",
    Answer(200, "What would follow.", ConsequenceOut),
    errors=(TaskNotFound, UnknownVerb),
    choices={"verb": VERBS},
    needs=Need.SEE,
)
def ask(task_id: str, verb: str) -> ResponseReturnValue:
    """What pausing, stopping, undoing … would do now, in sentences, without doing it: how many rows would go, and what stays.
    A browser gets a page with a button that does it."""
    has_page()
    if verb not in VERBS:
        raise UnknownVerb(f"There is no verb {verb[:40]!r}.")
    control = current.control()
    held = control.holds(task_id)
    found = consequence(Verb(verb), held)
    if prefers_page():
        kind = control.registry.find(held.task.kind)
        changeable = kind.info().changeable if kind and found.verb is Verb.RETRY else ()
        return render_template(
            "ask.html", task=TaskOut.of(held.task), found=found, does=DONE_WITH[found.verb], changeable=changeable
        )
    return json_of(ConsequenceOut.model_validate(found))


@room.operation(
    "GET",
    "/tasks/<task_id>/rate",
    "Show how fast a task was",
    Answer(200, "Its rate over time.", RateOut),
    errors=(TaskNotFound,),
    needs=Need.SEE,
)
def rate(task_id: str) -> ResponseReturnValue:
    """Units a second, measured every two seconds while the task is young and ever farther apart as it grows old."""
    control = current.control()
    task = control.get(task_id)
    at, measured = rates(control.samples(task.id))
    return json_of(RateOut(unit=task.unit, at=at, rate=measured))
