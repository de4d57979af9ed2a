"""The first page: upload, download, and the tasks with their buttons. It works without JavaScript."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Flask, render_template
from flask.typing import ResponseReturnValue

from waystation import __version__
from waystation.model import State, TaskFilter
from waystation.states import MEANING
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import ListQuery, query
from waystation.web.shapes import DatasetOut, TaskOut

room = Blueprint("page", __name__)
PER_PAGE = 25
HINTS = {
    "pause": "Stand still at the next step; the worker is freed",
    "resume": "Go on from the same place",
    "stop": "End it and take back what it did",
    "terminate": "Kill it now and drop what it staged",
    "retry": "Go on from its checkpoint",
    "undo": "Take back what it published",
}


@room.get("/")
def home() -> ResponseReturnValue:
    """The page."""
    has_page()
    control = current.control()
    asked = query(ListQuery)
    which = TaskFilter(state=asked.state, kind=asked.kind, dataset=asked.dataset, created_by=asked.created_by)
    found = control.page(which, limit=PER_PAGE, cursor=asked.cursor, status=asked.status)
    return render_template(
        "home.html",
        tasks=[TaskOut.of(t) for t in found.tasks],
        next=found.next,
        first=asked.cursor is None,
        datasets=[DatasetOut.of(d) for d in control.datasets()],
        filtered=which != TaskFilter() or asked.status is not None,
        workers=control.workers(),
    )


def install(app: Flask) -> None:
    """Add the page, and the words and filters of its templates."""
    app.register_blueprint(room)
    app.jinja_env.globals.update(version=__version__, meaning={s.value: m for s, m in MEANING.items()}, hints=HINTS)
    app.jinja_env.globals.update(states=[s.value for s in State])
    app.jinja_env.filters.update(facts=facts, number=number, moment=moment, seconds=seconds, size=size)


def facts(task: TaskOut) -> list[str]:
    """How far a task is, in a few words each; of an ended one only how many rows came of it."""
    p = task.progress
    begun = p.done or task.state in ("running", "reverting")
    rows = task.counts["good"] if "good" in task.counts else (task.result or {}).get("rows")
    said: list[str] = []
    if p.percent is not None and begun and not task.complete:
        said.append(f"{p.percent:.0f}\u202f%")
    if rows is not None:
        said.append(f"{number(rows)} rows")
    elif p.done and not task.complete:
        said.append(f"{number(p.done)} {p.unit}")
    if p.rate:
        said.append(f"{size(round(p.rate))}/s" if p.unit == "bytes" else f"{number(p.rate)} {p.unit}/s")
    if p.eta is not None:
        said.append(f"{seconds(p.eta)} left")
    return said


def number(value: float | None) -> str:
    """12,345 with thin spaces; nothing for nothing."""
    return "" if value is None else f"{value:,.0f}".replace(",", "\u202f")


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


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def seconds(value: float | None) -> str:
    """A duration as people say it."""
    if value is None:
        return ""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
