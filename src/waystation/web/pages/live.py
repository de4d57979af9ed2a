"""Pieces of pages that change while people look: each is rendered once for all who see it, and morphed into place."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, Response, current_app, request
from jinja2 import Environment

from waystation.control import Control
from waystation.model import Task, TaskFilter
from waystation.states import task_status
from waystation.web import current
from waystation.web.hub import place
from waystation.web.made import Made, MadeInTurn
from waystation.web.pages import timeline
from waystation.web.pages.rejected import rejected
from waystation.web.pages.timeline import Lines
from waystation.web.problems import prefers_page
from waystation.web.shapes import TaskOut

_NAME = "waystation.pieces"
_GLANCE = 1.0  # seconds for which the numbers beside the filters hold


class Pieces:
    """Renders pieces, outside of requests too; one for each process."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._rows = Made(lambda task: self.part(f"row-{task.id}", "row", TaskOut.of(task)))
        self.shown: MadeInTurn[Shown] = MadeInTurn()
        self._lock = threading.Lock()
        self._glance: tuple[float, str] = (0.0, "")

    def part(self, target: str, name: str, *values: object, swap: str = "outerMorph") -> str:
        """The macro `name` of parts.html as what takes the place of the element `target`, wherever a page has it.

        It is one line: an event has a line of its own for each line of its data, and breaks mean nothing in these pieces.
        """
        lines = getattr(self._env.get_template("parts.html").module, name)(*values).split("\n")
        made = " ".join(line for line in (line.strip(" ") for line in lines) if line)
        return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{made}</hx-partial>\n'

    def rows(self, tasks: Iterable[Task]) -> str:
        """The rows of tasks in a list."""
        return "".join(self._rows.of(tasks))

    def glance(self, control: Control) -> str:
        """The numbers beside the filters, and whether a worker is there: asked once a second for all who look."""
        with self._lock:
            if time.monotonic() - self._glance[0] >= _GLANCE:
                counts = control.open_counts()
                made = "".join(self.part(f"n-{s.value}", "chip_count", s.value, n) for s, n in counts.items())
                made += self.part("crew", "crew", control.workers())
                self._glance = time.monotonic(), made
            return self._glance[1]

    def said(self, text: str) -> str:
        """A sentence for whoever pressed a button."""
        return self.part("said", "said", text)


def install(app: Flask) -> None:
    """Give the app its pieces."""
    app.extensions[_NAME] = Pieces(app.jinja_env)


def pieces() -> Pieces:
    """The pieces of the current app."""
    found = current_app.extensions[_NAME]
    assert isinstance(found, Pieces)
    return found


class ListView:
    """One open list: which tasks it may show, and what its stream tells of their changes."""

    def __init__(self, which: TaskFilter, status: str | None, low: int, high: int | None) -> None:
        self._which, self._status, self._low, self._high = which, status, low, high
        self._pieces, self._control, self._told = pieces(), current.control(), ""

    def write(self, tasks: list[Task], mark: datetime | None) -> str:
        """The message: the rows that changed, and which tasks fit the filter (a row that is not there yet is news)."""
        near = [t for t in tasks if t.seq >= self._low and (self._high is None or t.seq <= self._high)]
        text = self._pieces.rows(near)
        glance = self._pieces.glance(self._control)
        if glance != self._told:
            text, self._told = text + glance, glance
        out = event("parts", text, mark) if text else ""
        if self._high is None and (fitting := [str(t.id) for t in near if self._fits(t)]):
            out += event("fits", " ".join(fitting), mark)
        return out

    def _fits(self, task: Task) -> bool:
        w = self._which
        return (
            (w.state is None or task.state is w.state)
            and (self._status is None or task_status(task) == self._status)
            and all(
                wanted is None or wanted == found
                for wanted, found in ((w.kind, task.kind), (w.dataset, task.dataset), (w.created_by, task.created_by))
            )
            and (not w.search or w.search.lower() in _searched(task))
        )


def _searched(task: Task) -> str:
    return " ".join(str(v) for v in (task.label or "", task.kind, task.dataset or "", task.created_by, task.id)).lower()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of a task shows at one version of it; what seldom changes comes with a mark to know it again."""

    parts: str
    story: tuple[int, str]
    log: tuple[int, str]
    rejects: tuple[int, str]


class TaskView:
    """One open page of a task."""

    def __init__(self, task: Task) -> None:
        self._id, self._version, self._told = task.id, -1, [0, 0, 0]
        self._pieces, self._control = pieces(), current.control()

    def write(self, tasks: list[Task], mark: datetime | None) -> str:
        """The message: its head, and what happened since."""
        task = next((t for t in tasks if t.id == self._id), None)
        if task is None or task.version <= self._version:  # a change may be told twice
            return ""
        self._version = task.version
        shown = self._pieces.shown.of(task, self._make)
        text = shown.parts
        for at, (now, made) in enumerate((shown.story, shown.log, shown.rejects)):
            if now != self._told[at]:
                self._told[at] = now
                text += made
        return event("parts", text, mark)

    def _make(self, task: Task, last: Shown | None) -> Shown:
        """What all who look at the task see; only what changed is rendered anew."""

        def told(name: str, found: Lines, known: tuple[int, str] | None) -> tuple[int, str]:
            return known if known and known[0] == found.last else (found.last, self._pieces.part(name, name, found))

        rejects, bad = last.rejects if last else (0, ""), task.counts.get("bad", 0)
        if bad != rejects[0]:
            rejects = bad, self._pieces.part("rejects", "rejects", TaskOut.of(task), *rejected(self._control, task))
        return Shown(
            task_parts(self._pieces, task),
            told("story", timeline.story(self._control, task.id), last.story if last else None),
            told("log", timeline.log(self._control, task.id), last.log if last else None),
            rejects,
        )


def task_parts(made: Pieces, task: Task) -> str:
    """What changes on a task's own page with each checkpoint."""
    out = TaskOut.of(task)
    return made.part("head", "head", out) + made.part("outcome", "outcome", out) + made.part("facts", "task_facts", out)


def event(name: str, text: str, mark: datetime | None) -> str:
    """A server-sent event, whose data may have several lines."""
    data = "".join(f"data: {line}\n" for line in text.splitlines() if line.strip())
    return f"{place(mark)}event: {name}\n{data}\n"


def wants_parts() -> bool:
    """A script of ours asks, which puts pieces into the page that is open."""
    return prefers_page() and "HX-Request" in request.headers


def acted(tasks: list[Task], said: str) -> Response:
    """The answer to a button: what became of the tasks, wherever the page shows them, and a sentence."""
    made = pieces()
    text = made.said(said) + made.rows(tasks)
    for task in tasks:
        if request.headers.get("HX-Current-URL", "").partition("?")[0].endswith(str(task.id)):
            text += task_parts(made, task)
    return Response(text, mimetype="text/html")
