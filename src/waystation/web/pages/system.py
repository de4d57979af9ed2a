"""How the system is: workers, slots, what waits, the parts that answer, and room on the disk."""

from __future__ import annotations

import shutil

from flask import render_template
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.web import current, guards
from waystation.web.api.common import has_page
from waystation.web.operations import Guarded

room = Guarded("system", __name__)


@room.get("/system", needs=Need.SEE)
def system() -> ResponseReturnValue:
    """What an operator looks at first."""
    has_page()
    house = current.house()
    control = house.control
    return render_template(
        "system.html",
        open_door=guards.open_door(house),
        health=control.health().parts,
        workers=control.workers(),
        counts=control.open_counts(),
        limits=control.limits(),
        disk=shutil.disk_usage(house.settings.home),
        home=house.settings.home,
        streams=current.hub().streams,
        most_streams=house.settings.sse_clients,
    )
