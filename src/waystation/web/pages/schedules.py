"""What is started again and again: the list, whose address is the API's own, and a form of each kind to make a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.cron import explain, next_times
from waystation.errors import InvalidName, InvalidRequest, InvalidSchedule, WaystationError
from waystation.model import JsonValue, KindInfo, Schedule
from waystation.timetable import Timetable
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON, Input, ScheduleRequest, check
from waystation.web.operations import Guarded
from waystation.web.pages import forms

room = Guarded("schedule_pages", __name__)
TIMES = 3  # due times that are shown ahead
OWN = "_"  # begins the form's own fields: no parameter of a kind has such a name


@dataclass(frozen=True, slots=True)
class Times:
    """When a schedule is due: in words, and the next times; or what is wrong with it."""

    words: str = ""
    coming: tuple[datetime, ...] = ()
    error: WaystationError | None = None

    @classmethod
    def of(cls, cron: str, zone: str) -> Times:
        """As the clocks of the zone show them."""
        try:
            return cls(explain(cron, zone), tuple(next_times(cron, zone, datetime.now(UTC), TIMES)))
        except InvalidSchedule as error:
            return cls(error=error)


class Act(Input):
    """What becomes of a schedule at the press of a button."""

    do: Literal["pause", "resume", "remove"]


def listing(found: list[Schedule]) -> str:
    """All schedules, with their next times."""
    kinds = [k.name for k in current.control().kinds() if not forms.takes_file(k.schema)]  # a file is for one task alone
    pairs = [(schedule, Times.of(schedule.cron, schedule.zone)) for schedule in found]
    return render_template("schedules.html", schedules=pairs, kinds=kinds)


@room.get("/kinds/<name>/schedule", needs=Need.SUBMIT)
def form(name: str) -> ResponseReturnValue:
    """The form: empty, filled from the schedule `like`, or with the times of what was typed so far."""
    has_page()
    kind = current.control().kind(name)
    like = request.args.get("like")
    if like is None:
        return _form(kind, request.args.to_dict(), {})
    there = Timetable(current.control()).get(like)
    own: dict[str, Any] = {n: getattr(there, n) for n in ("name", "cron", "zone", "missed", "overlap", "priority")}
    return _form(kind, {f"{OWN}{n}": v for n, v in own.items()}, there.params, changes=there.name)


@room.post("/kinds/<name>/schedule", needs=Need.SUBMIT)
def make(name: str) -> ResponseReturnValue:
    """Make a schedule of what was typed, or show its next times first; the form comes back with what is wrong in it."""
    has_page()
    request.max_content_length = MAX_JSON
    control = current.control()
    kind, table = control.kind(name), Timetable(control)
    own = {n: v for n, v in request.form.items() if n.startswith(OWN)}
    typed = {n: v for n, v in request.form.items() if n not in own}
    changes = own.pop(f"{OWN}changes", "")
    if own.pop(f"{OWN}look", ""):
        return _form(kind, own, typed, changes=changes)
    called = own.get(f"{OWN}name", "").strip()
    try:
        values = {n.removeprefix(OWN): v.strip() for n, v in own.items() if v.strip() and n != f"{OWN}name"}
        asked = check(ScheduleRequest, {"cron": "", **values, "kind": kind.name, "params": forms.read(kind.schema, typed)})
        if called != changes and any(schedule.name == called for schedule in table.every()):
            raise InvalidName(f"There is a schedule named {called!r} already.", remedy="Take another name, or change that one.")
        table.put(called, **asked.model_dump(), actor=current.actor())
    except InvalidRequest as error:
        return make_response(_form(kind, own, typed, changes=changes, error=error), error.status)
    return redirect("/schedules", 303)


@room.post("/schedules/<name>", needs=Need.SUBMIT)
def act(name: str) -> ResponseReturnValue:
    """Hold it, let it go on, or drop it."""
    has_page()
    asked, table = check(Act, request.form.to_dict()), Timetable(current.control())
    if asked.do == "remove":
        table.drop(name, actor=current.actor())
    else:
        table.hold(name, asked.do == "pause", actor=current.actor())
    return redirect("/schedules", 303)


def _form(
    kind: KindInfo,
    own: Mapping[str, Any],
    values: Mapping[str, JsonValue],
    *,
    changes: str = "",
    error: WaystationError | None = None,
) -> str:
    said = {n.removeprefix(OWN): v for n, v in own.items() if n.startswith(OWN)}
    cron = str(said.get("cron", "")).strip()
    return render_template(
        "schedule.html",
        kind=kind,
        said=said,
        changes=changes,
        inputs=forms.inputs(kind.schema, values, wrong=forms.problems(error)),
        times=Times.of(cron, said.get("zone") or "UTC") if cron else None,
        error=error,
    )
