"""What is started again and again: made, changed, held and dropped by name."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import (
    InvalidName,
    InvalidParams,
    InvalidSchedule,
    KindNotFound,
    MalformedBody,
    NotAllowed,
    ScheduleNotFound,
)
from waystation.timetable import Timetable
from waystation.web import current
from waystation.web.api.common import ACTOR_HEADER, has_page, json_of
from waystation.web.inputs import ScheduleRequest, body
from waystation.web.operations import Answer, Room
from waystation.web.pages import schedules as pages
from waystation.web.problems import prefers_page
from waystation.web.shapes import ScheduleList, ScheduleOut

room = Room("schedules", __name__)


@room.operation(
    "GET",
    "/schedules",
    "List the schedules",
    Answer(200, "All of them, by name.", ScheduleList),
    needs=Need.SEE,
)
def schedules() -> ResponseReturnValue:
    """What is started again and again, and when next. A browser gets a page."""
    has_page()
    found = Timetable(current.control()).every()
    return pages.listing(found) if prefers_page() else json_of(ScheduleList.of(found))


@room.operation(
    "GET",
    "/schedules/<name>",
    "Show a schedule",
    Answer(200, "The schedule.", ScheduleOut),
    errors=(ScheduleNotFound,),
    needs=Need.SEE,
)
def schedule(name: str) -> ResponseReturnValue:
    """One schedule, with the task that it started last."""
    return json_of(ScheduleOut.model_validate(Timetable(current.control()).get(name)))


@room.operation(
    "PUT",
    "/schedules/<name>",
    "Make or change a schedule",
    Answer(200, "The schedule.", ScheduleOut),
    body=ScheduleRequest,
    example={"kind": "generate", "params": {"rows": 1000}, "cron": "0 3 * * mon-fri", "zone": "Europe/Berlin"},
    headers=ACTOR_HEADER,
    errors=(KindNotFound, InvalidParams, InvalidName, InvalidSchedule, NotAllowed, MalformedBody),
    needs=Need.SUBMIT,
)
def put_schedule(name: str) -> ResponseReturnValue:
    """Start a task of a kind at the times that `cron` names in the time zone `zone`, each exactly once. The parameters are
    checked now; its tasks are in your name."""
    asked = body(ScheduleRequest)
    made = Timetable(current.control()).put(name, **asked.model_dump(), actor=current.actor())
    return json_of(ScheduleOut.model_validate(made))


@room.operation(
    "DELETE",
    "/schedules/<name>",
    "Drop a schedule",
    Answer(204, "It starts nothing any more; tasks that it has started go on.", media_type=""),
    headers=ACTOR_HEADER,
    errors=(ScheduleNotFound, NotAllowed),
    needs=Need.SUBMIT,
)
def drop_schedule(name: str) -> ResponseReturnValue:
    """Let it start nothing any more."""
    Timetable(current.control()).drop(name, actor=current.actor())
    return Response(status=204)
