"""How the system is, live: workers, slots, what waits, the parts that answer, and room on the disk."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import Any

from flask import render_template
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.csvio.encode import ENCODER
from waystation.model import Task
from waystation.web import current, guards
from waystation.web.api.common import has_page
from waystation.web.api.stream import streamed
from waystation.web.operations import Guarded
from waystation.web.pages import live

room = Guarded("system", __name__)
EVERY = 2.0  # seconds between two looks of an open page


class SystemView:
    """One open page of the system."""

    def __init__(self) -> None:
        self._house, self._control, self._hub, self._pieces = current.house(), current.control(), current.hub(), live.pieces()

    def facts(self) -> dict[str, Any]:
        """What the page tells."""
        settings = self._house.settings
        return {
            "health": self._control.health().parts,
            "workers": self._control.workers(),
            "counts": self._control.open_counts(),
            "limits": self._control.limits(),
            "disk": shutil.disk_usage(settings.home),
            "home": settings.home,
            "streams": self._hub.streams,
            "most_streams": settings.sse_clients,
            "encoder": ENCODER,
        }

    def write(self, tasks: list[Task], mark: datetime | None) -> str:
        """The message: all of it, as it is now."""
        return live.event("parts", self._pieces.part("system", "system", self.facts()), mark)


@room.get("/system", needs=Need.SEE)
def system() -> ResponseReturnValue:
    """What an operator looks at first."""
    has_page()
    return render_template("system.html", open_door=guards.open_door(current.house()), facts=SystemView().facts())


@room.get("/live/system", needs=Need.SEE)
def changes() -> ResponseReturnValue:
    """How it is every few seconds, as server-sent events."""
    return streamed(SystemView().write, every=EVERY)
