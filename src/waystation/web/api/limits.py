"""What operators set: how many tasks of a kind, a dataset or a queue run at a time, and which are held for now."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import InvalidName, InvalidRequest, KindNotFound, MalformedBody
from waystation.web import current
from waystation.web.api.common import ACTOR_HEADER, json_of
from waystation.web.inputs import LimitRequest, body
from waystation.web.operations import Answer, Room
from waystation.web.shapes import LimitList

room = Room("limits", __name__)
SCOPES = ("kind", "dataset", "queue")


@room.operation(
    "GET",
    "/limits",
    "List what is limited or held",
    Answer(200, "The limits.", LimitList),
    needs=Need.SEE,
)
def limits() -> ResponseReturnValue:
    """Every kind, dataset or queue of which only so many tasks may run at a time, or none is begun for now."""
    return json_of(LimitList.of(current.control().limits()))


@room.operation(
    "PUT",
    "/limits/<scope>/<name>",
    "Limit or hold a kind, a dataset or a queue",
    Answer(200, "All limits after it.", LimitList),
    body=LimitRequest,
    headers=ACTOR_HEADER,
    errors=(KindNotFound, InvalidName, InvalidRequest, MalformedBody),
    choices={"scope": SCOPES},
    needs=Need.MANAGE,
)
def put(scope: str, name: str) -> ResponseReturnValue:
    """Let at most `running` tasks run at a time, or begin none while `held`; with neither, the limit is taken away. Tasks
    that run already go on."""
    asked = body(LimitRequest)
    control = current.control()
    control.limit(scope, name, running=asked.running, held=asked.held, actor=current.actor(), reason=asked.reason)
    return json_of(LimitList.of(control.limits()))


@room.operation(
    "DELETE",
    "/limits/<scope>/<name>",
    "Take a limit away",
    Answer(200, "All limits after it.", LimitList),
    headers=ACTOR_HEADER,
    errors=(KindNotFound, InvalidRequest),
    choices={"scope": SCOPES},
    needs=Need.MANAGE,
)
def delete(scope: str, name: str) -> ResponseReturnValue:
    """Nothing is wanted of it any more; what waited for it may begin."""
    control = current.control()
    control.limit(scope, name, actor=current.actor())
    return json_of(LimitList.of(control.limits()))
