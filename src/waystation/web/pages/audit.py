"""The page of the audit; its address is the API's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template

from waystation.acts import Act, Entry


def listing(entries: list[Entry], kept: Mapping[str, Any], following: str | None) -> str:
    """A page of lines, newest first. `kept`: the filters that chose them; `following`: where the page after it is."""
    return render_template("audit.html", entries=entries, kept=kept, acts=list(Act), next=following)
