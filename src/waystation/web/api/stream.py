"""Live changes as server-sent events."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import datetime

from flask import Response, request
from flask.typing import ResponseReturnValue

from waystation.access import Caller, Need
from waystation.errors import TooManyStreams
from waystation.model import Task
from waystation.web import current
from waystation.web.hub import Write
from waystation.web.operations import Answer, Room

room = Room("stream", __name__)
ASKED_EVERY = 3.0  # seconds between two looks at whether a stream's token is in force


@room.operation(
    "GET",
    "/events",
    "Listen to changes of tasks",
    Answer(200, "Events `tasks`, each with a list of tasks as data.", media_type="text/event-stream"),
    headers={"Last-Event-ID": "The id of the last event that arrived: what changed since is sent first."},
    errors=(TooManyStreams,),
    needs=Need.SEE,
)
def listen() -> ResponseReturnValue:
    """Server-sent events: at most one a second, each with all tasks that changed. The stream ends after some minutes; a
    listener that comes again with Last-Event-ID (as browsers do) misses nothing, but may see a change twice."""
    return streamed()


def streamed(write: Write | None = None, every: float | None = None) -> Response:
    """The stream of this request, with each message written by `write` (see Hub.stream). Raises TooManyStreams."""
    hub, caller = current.hub(), current.caller()
    listener = hub.join(current.house().settings.sse_clients, request.headers.get("Last-Event-ID"))
    shown = write or hub.message

    def seen(tasks: list[Task], mark: datetime | None) -> str:
        """The message, of what the caller may see."""
        there = [t for t in tasks if caller.sees(t.kind, t.dataset)]
        return shown(there, mark) if there or every else ""

    response = Response(hub.stream(listener, _gone(_still(caller)), write=seen, every=every), mimetype="text/event-stream")
    response.call_on_close(lambda: hub.leave(listener))  # also when the stream never began
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _still(caller: Caller) -> Callable[[], bool]:
    """Whether the token that the stream was opened with is in force; asked of the database every few seconds at most."""
    gate, asked = current.house().gate, time.monotonic()

    def still() -> bool:
        nonlocal asked
        if not caller.name or time.monotonic() - asked < ASKED_EVERY:
            return True
        asked = time.monotonic()
        return gate.caller_of_token(caller.token) is not None

    return still


def _gone(still: Callable[[], bool]) -> Callable[[], bool]:
    """Whether the reader has hung up, or must. A write tells the first only at the second heartbeat after it."""
    names = ("gunicorn.socket", "werkzeug.socket")
    connection = next((request.environ[n] for n in names if n in request.environ), None)

    def gone() -> bool:
        if not still():
            return True
        if not isinstance(connection, socket.socket):
            return False
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    return gone
