"""How the system is: workers, slots, what waits, the parts that answer, and room on the disk."""

from __future__ import annotations

import shutil

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from waystation.web import current
from waystation.web.api.common import has_page

room = Blueprint("system", __name__)


@room.get("/system")
def system() -> ResponseReturnValue:
    """What an operator looks at first."""
    has_page()
    house = current.house()
    control = house.control
    return render_template(
        "system.html",
        health=control.health().parts,
        workers=control.workers(),
        counts=control.open_counts(),
        limits=control.limits(),
        disk=shutil.disk_usage(house.settings.home),
        home=house.settings.home,
        streams=current.hub().streams,
        most_streams=house.settings.sse_clients,
    )
