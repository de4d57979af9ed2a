"""Watching tasks to their end: a board on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.markup import escape

from waystation.cli import look
from waystation.cli.board import Board
from waystation.cli.session import Session
from waystation.client import Task
from waystation.model import State
from waystation.states import FINAL

EVERY = 0.5  # seconds between two looks when several are watched
FEW = 4  # tasks that are asked for one by one; more are listed
LONG_POLL = 20.0  # seconds that one question about a single task stays open
LINE_EVERY = 10  # percent between two plain lines
UNFINISHED = tuple(s.value for s in State if s not in FINAL)

Until = Callable[[Task], bool]
Seen = Callable[[Task], None]


def complete(task: Task) -> bool:
    """It has ended."""
    return task.complete


def unfinished(session: Session) -> dict[str, Task]:
    """Every task that has not ended, oldest first."""
    found = [t for state in UNFINISHED for t in session.client.tasks({"state": state})]
    return {t.id: t for t in sorted(found, key=lambda t: str(t["created_at"]))}


def watch(session: Session, ids: Sequence[str], *, until: Until = complete, follow: bool = False) -> list[Task]:
    """Show the tasks until each is as `until` says (the default: final); the tasks as they are then.

    With `follow`, tasks that come later are shown too, and it goes on until it is interrupted.
    """
    shown = _board if session.console.is_terminal and not session.as_json else _lines
    tasks = {id: session.client.task(id) for id in ids}
    with shown(session) as seen:
        for task in tasks.values():
            seen(task)
        if len(tasks) == 1 and not follow:
            _look_at_one(session, tasks, until, seen)
        else:
            _look_at_many(session, tasks, until, seen, follow=follow)
    return [tasks[id] for id in ids]


def _look_at_one(session: Session, tasks: dict[str, Task], until: Until, seen: Seen) -> None:
    """By long polls, so that its end is seen at once."""
    (task,) = tasks.values()
    while not (task.complete or until(task)):
        task = session.client.task(task.id, wait=LONG_POLL, version=task["version"])
        tasks[task.id] = task
        seen(task)
        time.sleep(0.05)  # a task that changes a hundred times a second need not be asked as often


def _look_at_many(session: Session, tasks: dict[str, Task], until: Until, seen: Seen, *, follow: bool) -> None:
    """A few are asked for one by one; many by the lists of all that have not ended, whatever their number."""
    while (waiting := [t for t in tasks.values() if not (t.complete or until(t))]) or follow:
        time.sleep(EVERY)
        listed = unfinished(session) if follow or len(waiting) > FEW else {}
        for old in waiting:
            new = listed.get(old.id) or session.client.task(old.id)
            tasks[old.id] = new
            if new["version"] != old["version"]:
                seen(new)
        for id, task in listed.items() if follow else ():
            if id not in tasks:
                tasks[id] = task
                seen(task)


@contextmanager
def _lines(session: Session) -> Iterator[Seen]:
    said: dict[str, tuple[str, int]] = {}

    def seen(task: Task) -> None:
        now = (task.status, int(task.progress["percent"] or 0) // LINE_EVERY)
        if said.get(task.id) != now:
            said[task.id] = now
            if session.as_json:
                session.json(task)
            else:
                session.say(escape(look.line(task)))

    yield seen


@contextmanager
def _board(session: Session) -> Iterator[Seen]:
    with Board(session.console) as board:
        yield board.show
