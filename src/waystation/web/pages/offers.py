"""Which of the possible verbs a task's buttons offer: one that would do the same as another only makes people choose."""

from __future__ import annotations

from waystation.model import State, Verb
from waystation.sdk.kind import Registry
from waystation.web.pages.consequences import HINTS
from waystation.web.shapes import TaskOut


def offered(task: TaskOut, registry: Registry) -> list[str]:
    """The verbs, what goes on first. Terminate stands beside Stop only where it does something else: where there is a process
    to kill, and where it leaves standing what the kind's own steps would take back."""
    found: list[str] = [verb.value for verb in HINTS if verb.value in task.links]
    if Verb.STOP.value in found and task.state != State.RUNNING:
        kind = registry.find(task.kind)
        own_steps = kind is None or kind.takes_back  # of a kind that is not known here, all is offered
        if not (own_steps and task.attempt):
            found.remove(Verb.TERMINATE.value)
    return found
