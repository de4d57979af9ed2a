"""The page to upload a file from. With a script the file comes by tus, and goes on where a connection broke."""

from __future__ import annotations

from contextlib import ExitStack
from urllib.parse import urlencode

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.intake import take
from waystation.web.operations import Guarded

room = Guarded("upload", __name__)


@room.get("/upload", needs=Need.SUBMIT)
def upload() -> ResponseReturnValue:
    """Choose a file."""
    has_page()
    found = [d.name for d in current.control().datasets()]
    return render_template("upload.html", datasets=found, dataset=request.args.get("dataset", ""))


@room.post("/upload", needs=Need.SUBMIT)
def receive() -> ResponseReturnValue:
    """Take the file of a form, and lead to the look at it."""
    has_page()
    most = current.control().settings.uploads_at_once
    with current.crowds().upload(most), ExitStack() as stack:
        writer, policies = take(request, current.control(), current.actor(), stack)
        sent = writer.commit()
    asked = f"?{urlencode({'dataset': policies.dataset})}" if policies.dataset else ""
    return redirect(f"/uploads/{sent.id}/preview{asked}", 303)
