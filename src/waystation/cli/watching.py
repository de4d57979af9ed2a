"""Watching tasks to their end: progress bars on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from waystation.cli import look
from waystation.cli.session import Session
from waystation.client import Task

EVERY = 0.25  # seconds between two looks when several are watched
LINE_EVERY = 10  # percent between two plain lines


def watch(session: Session, ids: Sequence[str], *, until: Callable[[Task], bool] = lambda t: t["complete"]) -> list[Task]:
    """Show the tasks until each is as `until` says (the default: final); the tasks as they are then."""
    show = _bars if session.console.is_terminal and not session.as_json else _lines
    return show(session, list(ids), until)


def _looks(session: Session, ids: list[str], until: Callable[[Task], bool], seen: Callable[[Task], None]) -> list[Task]:
    """Ask until all are done. A single task is asked by long polls, so that its end is seen at once."""
    tasks = {id: session.client.task(id) for id in ids}
    for task in tasks.values():
        seen(task)
    while waiting := [t for t in tasks.values() if not (t["complete"] or until(t))]:
        if len(waiting) > 1:
            time.sleep(EVERY)
        for old in waiting:
            wait, version = (20.0, old["version"]) if len(waiting) == 1 else (None, None)
            new = session.client.task(old["task_id"], wait=wait, version=version)
            tasks[old["task_id"]] = new
            if new["version"] != old["version"]:
                seen(new)
        if len(waiting) == 1:
            time.sleep(0.05)  # a task that changes a hundred times a second need not be asked as often
    return [tasks[id] for id in ids]


def _lines(session: Session, ids: list[str], until: Callable[[Task], bool]) -> list[Task]:
    said: dict[str, tuple[str, int]] = {}

    def seen(task: Task) -> None:
        now = (task["status"], int(task["progress"]["percent"] or 0) // LINE_EVERY)
        if said.get(task["task_id"]) != now:
            said[task["task_id"]] = now
            if session.as_json:
                session.json(task)
            else:
                session.say(escape(look.line(task)))

    return _looks(session, ids, until, seen)


def _bars(session: Session, ids: list[str], until: Callable[[Task], bool]) -> list[Task]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TextColumn("[dim]{task.fields[pace]}[/]"),
    )
    with Progress(*columns, console=session.console) as bars:
        rows: dict[str, TaskID] = {}

        def seen(task: Task) -> None:
            id, progress = task["task_id"], task["progress"]
            if id not in rows:
                rows[id] = bars.add_task("", total=None, amount="", pace="")
            bars.update(
                rows[id],
                description=f"{escape(task['kind'])} [dim]{id[:8]}[/] {look.status(task['status'])}",
                total=progress["total"]
                if progress["total"] is not None
                else (progress["done"] or 1 if task["complete"] else None),
                completed=progress["done"],
                amount=look.amount(progress),
                pace=_pace(task),
            )

        return _looks(session, ids, until, seen)


def _pace(task: Task) -> str:
    progress = task["progress"]
    if task["complete"]:
        return look.duration(task)
    if task["status"] != "running" or not progress["rate"]:
        return ""
    left = f", {progress['eta']:.0f} s left" if progress["eta"] is not None else ""
    return f"{look.units(progress['rate'], progress['unit'])}/s{left}"
