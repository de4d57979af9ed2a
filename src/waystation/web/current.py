"""What a request needs of its process: the house behind it, and who is asking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast
from urllib.parse import unquote

from flask import Flask, current_app, g, request

from waystation.access import ANYBODY, Caller
from waystation.control import Control
from waystation.errors import InvalidRequest
from waystation.web.arrivals import Arrivals
from waystation.web.crowds import Crowds
from waystation.web.hub import Hub
from waystation.web.metrics import Watch
from waystation.wiring import House

_NAME = "waystation"
_LONGEST_ACTOR = 200


class Doorstep:
    """The house, opened when the first request comes: importing a WSGI module must start nothing, and a fork (gunicorn's
    preload) must meet no open connection. A failure is that request's answer, and the next one tries again."""

    def __init__(self, open_house: Callable[[], House]) -> None:
        self._open = open_house
        self._lock = threading.Lock()
        self._house: House | None = None
        self.hub = Hub(lambda since: self.house.control.changes(since))
        self.crowds = Crowds()
        self.watch = Watch()
        self.arrivals: Arrivals | None = None  # where the server watches how fast requests come
        self.leaving = False  # asked to end, and serving on for a moment; a plain flag, since a signal handler sets it

    @property
    def house(self) -> House:
        """The one house of this process."""
        if self._house is None:
            with self._lock:
                if self._house is None:
                    self._house = self._open()
        return self._house

    def close(self) -> None:
        """End the streams and let go of the house, if it was ever opened."""
        self.hub.close()
        with self._lock:
            if self._house is not None:
                self._house.close()
                self._house = None


def install(app: Flask, doorstep: Doorstep) -> None:
    """Let the app's requests find this house."""
    app.extensions[_NAME] = doorstep


def doorstep_of(app: Flask) -> Doorstep:
    """The doorstep that was installed."""
    return cast(Doorstep, app.extensions[_NAME])


def house() -> House:
    """The house behind the current request."""
    return doorstep_of(current_app).house


def caller() -> Caller:
    """Who asks: the guards have found out. Anybody, where no token is asked for."""
    found = g.get("caller", ANYBODY)
    assert isinstance(found, Caller)
    return found


def control() -> Control:
    """What the current request asks of the tasks, in the name of its caller."""
    return house().control.acting_for(caller())


def hub() -> Hub:
    """The one listener that feeds all live streams of this process."""
    return doorstep_of(current_app).hub


def watch() -> Watch:
    """The metrics of this process."""
    return doorstep_of(current_app).watch


def crowds() -> Crowds:
    """What is counted in this process against its limits."""
    return doorstep_of(current_app).crowds


def expect(size: int) -> None:
    """So many bytes of the current request's body are read next; it may take longer than others, but has to keep to a rate."""
    if (arrivals := doorstep_of(current_app).arrivals) is not None:
        arrivals.expect(request.environ["gunicorn.socket"], size)


def arrived() -> None:
    """The body of the current request is here."""
    if (arrivals := doorstep_of(current_app).arrivals) is not None:
        arrivals.end(request.environ["gunicorn.socket"])


def overdue() -> bool:
    """Whether the body of the current request was cut off because it came too slowly."""
    arrivals = doorstep_of(current_app).arrivals
    return arrivals is not None and arrivals.overdue(request.environ["gunicorn.socket"])


def leaving() -> bool:
    """Whether this process was asked to end and only serves on for a moment."""
    return doorstep_of(current_app).leaving


def actor() -> str:
    """In whose name it is done: that of the caller's token; without one by their own word, the header X-Actor,
    percent-encoded beyond Latin-1."""
    if caller().name:
        return caller().name
    name = unquote(request.headers.get("X-Actor", "")).strip()
    if len(name) > _LONGEST_ACTOR or not name.isprintable():
        raise InvalidRequest(f"X-Actor must be printable text of at most {_LONGEST_ACTOR} characters.")
    return name or house().settings.actor


def idempotency_key() -> str | None:
    """The Idempotency-Key of a submitting POST."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (1 <= len(key) <= 255 and key.isprintable()):
        raise InvalidRequest("Idempotency-Key must be 1 to 255 printable characters.")
    return key
