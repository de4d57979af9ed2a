"""Numbers, sizes, times and progress as people say them: what the page and the sentences of the API share."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from waystation.model import Event
from waystation.states import Event as Moved
from waystation.web.shapes import TaskOut

THIN = "\u202f"  # a narrow space that no line breaks at
_HAPPENED = {Moved.RELEASE.value: "given back", Moved.LOSE.value: "its worker was lost", Moved.REVERT.value: "taking back"}
_COUNTED = {"good": "rows taken", "bad": "rows rejected", "rows": "rows", "reversed": "taken back", "left": "left standing"}
ASKED = {  # what a wish that is not met yet leads to
    "pause": "It pauses as soon as its step is done.",
    "stop": "It stops as soon as its step is done, and what it did is taken back.",
    "terminate": "Its process is ended, and what it staged is dropped.",
}
_GONE = ("stopped", "terminated", "undone")  # what came of such a task is there no longer


def facts(task: TaskOut) -> list[str]:
    """How far a task is, in a few words each; of an ended one only how many rows came of it."""
    p = task.progress
    begun = p.done or task.state in ("running", "reverting")
    rows = task.counts["good"] if "good" in task.counts else (task.result or {}).get("rows")
    said: list[str] = []
    if p.percent is not None and begun and not task.complete:
        said.append(f"{p.percent:.0f}{THIN}%")
    if rows is not None:
        said.append(f"{count(rows, 'row')} taken back" if rows and task.state in _GONE else count(rows, "row"))
    elif task.state in _GONE and task.counts.get("reversed"):
        said.append(f"{number(task.counts['reversed'])} {p.unit} taken back")
    elif p.done and not task.complete:
        said.append(f"{number(p.done)} {p.unit}")
    if p.rate:
        said.append(rate(p.rate, p.unit))
    if p.eta is not None:
        said.append(f"{seconds(p.eta)} left")
    return said


def counted(task: TaskOut) -> list[tuple[str, int]]:
    """What its kind has counted, each with what it is a number of."""
    of = "rows" if task.progress.unit == "bytes" else task.progress.unit
    return [(_COUNTED.get(name, f"{of} {name}").capitalize(), value) for name, value in task.counts.items()]


def happened(event: Event) -> str:
    """A line of the timeline for who doesn't know the words of `states`."""
    if event.event == Moved.CLAIM:
        return "taken up" if event.attempt > 1 else "begun"
    return _HAPPENED.get(event.event, event.event)


def number(value: float | None) -> str:
    """12,345; nothing for nothing."""
    return "" if value is None else f"{value:,.0f}"


def count(value: int, noun: str) -> str:
    """1 row, 2 rows."""
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def amount(value: int | None, unit: str) -> str:
    """So much of a unit: 12.3 MB, or 1,200 rows."""
    if value is None:
        return ""
    return size(value) if unit == "bytes" else f"{number(value)} {unit}"


def rate(value: float, unit: str) -> str:
    """So much a second."""
    return f"{size(round(value))}/s" if unit == "bytes" else f"{number(value)} {unit}/s"


def size(value: int | None) -> str:
    """Bytes as people say them."""
    if value is None:
        return ""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def coded(text: str) -> Markup:
    """A sentence whose words between backticks are code; everything in it is text."""
    parts = re.split(r"`([^`]+)`", text)  # plain and code by turns
    code = Markup("<code>{}</code>")
    return Markup("").join(code.format(part) if number % 2 else escape(part) for number, part in enumerate(parts))


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def coming(value: datetime) -> str:
    """A time to come as its own zone's clocks show it, and how long it is till then."""
    return f"{value:%a} {value.day} {value:%b %Y, %H:%M}, in {seconds((value - datetime.now(UTC)).total_seconds())}"


def seconds(value: float | None) -> str:
    """A duration as people say it."""
    if value is None:
        return ""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{count(whole // 86400, 'day')} {whole % 86400 // 3600} h"
