"""The way into the page: a token, shown once, becomes a login that the browser keeps as a cookie."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from waystation.access import Need
from waystation.errors import LoginRefused, NotFound, ProviderAway, WaystationError, WrongToken
from waystation.web import current, provider, refusals
from waystation.web.addresses import COOKIE, host_of, is_loopback
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON
from waystation.web.operations import Guarded

room = Guarded("login", __name__)


@room.get("/login", needs=Need.NOTHING)
def ask() -> ResponseReturnValue:
    """Ask for a token, or lead to the provider; where none is asked for, to the page."""
    has_page()
    return _form() if current.house().gate.closed else redirect(_next())


@room.get("/login/provider", needs=Need.NOTHING)
def go_to_provider() -> ResponseReturnValue:
    """To the login provider, which sends the person back to the address below."""
    has_page()
    _has_provider()
    try:
        return provider.send_away(_next())
    except (LoginRefused, ProviderAway) as error:
        return make_response(_form(error), error.status)


@room.get(provider.CALLBACK, needs=Need.NOTHING)
def back_from_provider() -> ResponseReturnValue:
    """Whom the provider vouches for is logged in; who is not says why, on the form.

    The answer is a page that goes on by itself, not a redirect: to a browser a redirect would still be the provider's doing,
    and it would not send our Strict cookie along.
    """
    has_page()
    _has_provider()
    house = current.house()
    seconds = house.settings.session_hours * 3600
    try:
        person, place = provider.come_back()
        cookie = house.gate.let_in(person, seconds=seconds, address=request.remote_addr or "")
    except (LoginRefused, ProviderAway) as error:
        refusals.note(error)
        return make_response(_form(error), error.status)
    response = make_response(render_template("welcome.html", name=person.name, role=person.role, next=_of_ours(place)))
    _set(response, cookie, int(seconds))
    return response


def _has_provider() -> None:
    if current.house().settings.oidc_issuer is None:
        raise NotFound("People log in with a token here: no login provider is configured.")


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


def _form(error: WaystationError | None = None) -> str:
    """The form; browsers keep the cookie over TLS, or from this machine, which is said where neither is so."""
    over_tls = request.is_secure or request.headers.get("X-Forwarded-Proto", "") == "https"
    kept = over_tls or is_loopback(host_of(request)) or host_of(request).endswith(".localhost")
    issuer = current.house().settings.oidc_issuer
    asked = urlsplit(issuer).netloc if issuer else None
    return render_template("login.html", error=error, next=_next(), kept=kept, provider=asked)


def _next() -> str:
    """Where somebody wanted to go."""
    return _of_ours(request.values.get("next", "/"))


def _of_ours(wanted: str) -> str:
    """A place of ours, whatever the address says."""
    parts = urlsplit(wanted.replace("\\", "/"))
    if parts.scheme or parts.netloc or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    return wanted if wanted.isprintable() else "/"
