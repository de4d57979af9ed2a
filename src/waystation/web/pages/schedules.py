"""The page of what is started again and again; its address is the API's own."""

from __future__ import annotations

from flask import render_template

from waystation.model import Schedule


def listing(found: list[Schedule]) -> str:
    """All schedules, with their next times."""
    return render_template("schedules.html", schedules=found)
