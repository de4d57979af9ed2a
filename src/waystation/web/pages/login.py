"""The way into the page: a token, shown once, becomes a login that the browser keeps as a cookie."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from waystation.access import Need
from waystation.errors import WrongToken
from waystation.web import current, refusals
from waystation.web.addresses import COOKIE, host_of, is_loopback
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON
from waystation.web.operations import Guarded

room = Guarded("login", __name__)


@room.get("/login", needs=Need.NOTHING)
def ask() -> ResponseReturnValue:
    """Ask for a token; where none is asked for, to the page."""
    has_page()
    return _form() if current.house().gate.closed else redirect(_next())


@room.post("/login", needs=Need.NOTHING)
def log_in() -> ResponseReturnValue:
    """A right token opens the page for so many hours; a wrong one says so, on the form."""
    has_page()
    request.max_content_length = MAX_JSON
    house = current.house()
    seconds = house.settings.session_hours * 3600
    try:
        cookie = house.gate.log_in(request.form.get("token", "").strip(), seconds=seconds, address=request.remote_addr or "")
    except WrongToken as error:
        current.crowds().wrong_token(request.remote_addr or "")
        refusals.note(error)
        return make_response(_form(error), error.status)
    response = redirect(_next(), 303)
    _set(response, cookie, int(seconds))
    return response


@room.post("/logout", needs=Need.NOTHING)
def log_out() -> ResponseReturnValue:
    """The login ends, here and at the server."""
    has_page()
    if (cookie := request.cookies.get(COOKIE)) is not None:
        current.house().gate.log_out(cookie)
    response = redirect("/login", 303)
    _set(response, "", 0)
    return response


def _set(response: Response, value: str, seconds: int) -> None:
    """For this host alone, out of every script's reach, never sent along with another site's request."""
    response.set_cookie(COOKIE, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="Strict")


def _form(error: WrongToken | None = None) -> str:
    """The form; browsers keep the cookie over TLS, or from this machine, which is said where neither is so."""
    over_tls = request.is_secure or request.headers.get("X-Forwarded-Proto", "") == "https"
    kept = over_tls or is_loopback(host_of(request)) or host_of(request).endswith(".localhost")
    return render_template("login.html", error=error, next=_next(), kept=kept)


def _next() -> str:
    """Where somebody wanted to go: a place of ours, whatever the address says."""
    wanted = request.values.get("next", "/")
    parts = urlsplit(wanted.replace("\\", "/"))
    if parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    return wanted if wanted.isprintable() else "/"
