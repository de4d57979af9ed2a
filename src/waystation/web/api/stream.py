"""Live changes as server-sent events."""

from __future__ import annotations

import socket
from collections.abc import Callable

from flask import Response, request
from flask.typing import ResponseReturnValue

from waystation.errors import TooManyStreams
from waystation.web import current
from waystation.web.hub import Write
from waystation.web.operations import Answer, Room

room = Room("stream", __name__)


@room.operation(
    "GET",
    "/events",
    "Listen to changes of tasks",
    Answer(200, "Events `tasks`, each with a list of tasks as data.", media_type="text/event-stream"),
    headers={"Last-Event-ID": "The id of the last event that arrived: what changed since is sent first."},
    errors=(TooManyStreams,),
)
def listen() -> ResponseReturnValue:
    """Server-sent events: at most one a second, each with all tasks that changed. The stream ends after some minutes; a
    listener that comes again with Last-Event-ID (as browsers do) misses nothing, but may see a change twice."""
    return streamed()


def streamed(write: Write | None = None) -> Response:
    """The stream of this request, with each message written by `write` (see Hub.stream). Raises TooManyStreams."""
    hub = current.hub()
    listener = hub.join(current.house().settings.sse_clients, request.headers.get("Last-Event-ID"))
    response = Response(hub.stream(listener, _gone(), write=write), mimetype="text/event-stream")
    response.call_on_close(lambda: hub.leave(listener))  # also when the stream never began
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _gone() -> Callable[[], bool]:
    """Whether the reader has hung up. A write tells it only at the second heartbeat after, and keeps a place as long."""
    names = ("gunicorn.socket", "werkzeug.socket")
    connection = next((request.environ[n] for n in names if n in request.environ), None)

    def gone() -> bool:
        if not isinstance(connection, socket.socket):
            return False
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    return gone
