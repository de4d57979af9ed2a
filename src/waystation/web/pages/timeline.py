"""The timeline of a task and its log: the newest lines first in sight, those before them a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from waystation.control import Control
from waystation.model import Event

SHOWN = 100  # lines of each


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines in a row, oldest first; `earlier`: the address of the page with those before them, if there are any."""

    lines: list[Event]
    earlier: str | None

    @property
    def last(self) -> int:
        """The id of the newest line; 0 without one."""
        return self.lines[-1].id if self.lines else 0


def story(control: Control, task: UUID, before: int | None = None) -> Lines:
    """What happened to the task; of what was before a line, if one is named."""
    return _lines(control, task, before, logs=False)


def log(control: Control, task: UUID, before: int | None = None) -> Lines:
    """What its kind wrote to its log."""
    return _lines(control, task, before, logs=True)


def _lines(control: Control, task: UUID, before: int | None, *, logs: bool) -> Lines:
    found = control.latest_events(task, logs=logs, before=before, limit=SHOWN + 1)
    if len(found) <= SHOWN:
        return Lines(found, None)
    shown = found[1:]
    name, place = ("log_before", "log") if logs else ("before", "story")
    return Lines(shown, f"/tasks/{task}?{name}={shown[0].id}#{place}")
