"""The list of tasks: live, with filters, a search, and verbs for one or for many."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue
from pydantic import Field

from waystation.access import Need
from waystation.model import TaskFilter
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.api.stream import streamed
from waystation.web.inputs import ListQuery, query
from waystation.web.operations import Guarded
from waystation.web.pages.live import ListView
from waystation.web.shapes import TaskOut

room = Guarded("home", __name__)
PER_PAGE = 50


class LiveQuery(ListQuery):
    """Which rows a list shows: of the tasks that fit, those from number `low` on; up to `high`, if it is not the first page."""

    low: int = Field(0, ge=0)
    high: int | None = Field(None, ge=0)


@room.get("/", needs=Need.SEE)
def home() -> ResponseReturnValue:
    """The tasks, newest first."""
    has_page()
    control = current.control()
    asked = query(ListQuery)
    which = asked.filter()
    found = control.page(which, limit=PER_PAGE, cursor=asked.cursor, status=asked.status)
    seqs = [t.seq for t in found.tasks]
    kept = {name: value for name, value in request.args.items() if value and name != "cursor"}
    return render_template(
        "home.html",
        tasks=[TaskOut.of(t) for t in found.tasks],
        next=found.next,
        first=asked.cursor is None,
        kept=kept,
        range={"low": min(seqs) if found.next else 0, **({"high": max(seqs, default=0)} if asked.cursor else {})},
        counts=control.open_counts(),
        filtered=which != TaskFilter() or asked.status is not None,
        kinds=[k.name for k in control.kinds()],
        datasets=[d.name for d in control.datasets()],
        workers=control.workers(),
    )


@room.get("/live", needs=Need.SEE)
def changes() -> ResponseReturnValue:
    """The changes of a list's rows as server-sent events, each row as it stands on the page."""
    asked = query(LiveQuery)
    return streamed(ListView(asked.filter(), asked.status, asked.low, asked.high).write)
