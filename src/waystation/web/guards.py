"""Before any view: who asks and whether they may; no page of another site, no foreign name, no link that is merely followed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, g, request

from waystation.access import ANYBODY, Need
from waystation.errors import Forbidden, MethodNotAllowed, NotFound, NoTokens, TokenNeeded, UnknownHost, WrongToken
from waystation.web import current, links
from waystation.web.addresses import COOKIE, from_here, host_of, is_address, is_loopback
from waystation.wiring import House

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFETCH = ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose")
_BEARER = "bearer "
LINKED = frozenset({"outcome.result:get", "outcome.rejects:get"})  # what a link can open without a token


def install(app: Flask, needs: Mapping[str, Need]) -> None:
    """Let every request of the app pass the guards, in this order. `needs`: what each endpoint asks of its caller."""
    app.before_request(refuse_impossible_paths)
    app.before_request(refuse_other_sites)
    app.before_request(partial(admit, needs))
    app.before_request(refuse_others_uploads)


def may_listen(house: House) -> None:
    """Raises NoTokens for a server that would listen beyond this machine while nobody could be told from anybody."""
    host = house.settings.host
    if not (house.gate.closed or house.settings.insecure or is_loopback(host)):
        raise NoTokens(f"{host} can be reached from other machines, and no token has been made.")


def open_door(house: House) -> str:
    """A sentence for where no token is asked for, which whoever starts the server should know; an empty string elsewhere."""
    if house.settings.insecure:
        return "No token is asked for (WAYSTATION_INSECURE): whoever reaches this server may do everything."
    if house.gate.closed:
        return ""
    return (
        "No token has been made: whoever is on this machine may do everything here;"
        " `waystation token create NAME --role admin` ends that."
    )


def refuse_impossible_paths() -> None:
    """An address with a NUL names nothing: no database can hold one. Raises NotFound."""
    if "\0" in request.path:
        raise NotFound("There is nothing at an address that holds a NUL.")


def refuse_other_sites() -> None:
    """A request that changes something must not be sent by another site's page. Raises Forbidden."""
    if request.method in _SAFE:
        return
    if _other_site():
        raise Forbidden("Another site's page sent this request.")
    origin = request.headers.get("Origin")
    if origin is None or (origin == "null" and request.headers.get("Sec-Fetch-Site") == "same-origin"):
        return
    if urlsplit(origin).netloc.lower() != request.host.lower():
        raise Forbidden(f"This request was sent by a page of {origin}, which is not this server.")


def admit(needs: Mapping[str, Need]) -> None:
    """Find out who asks, and whether their role is enough for what they ask for.

    Raises TokenNeeded, WrongToken, NotAllowed, UnknownHost, TooManyRequests.
    """
    if request.endpoint is None:  # there is nothing at this address
        return
    need = needs.get(request.endpoint, Need.ADMINISTER)  # what somebody else added to the app is for admins
    if need is Need.NOTHING:
        return
    try:
        identify()
    except WrongToken:
        current.crowds().wrong_token(request.remote_addr or "")
        raise
    caller = current.caller()
    if caller.name:
        current.crowds().request(caller.name, current.house().settings.requests_per_minute)
    caller.require(need)


def identify() -> None:
    """Note whose token the request shows. Raises TokenNeeded where it shows none and one is asked for, WrongToken."""
    gate, settings = current.house().gate, current.house().settings
    if request.endpoint in LINKED and "signature" in request.args:
        asked = request.args
        g.caller = links.caller_of(gate, request.path, asked.get("expires", ""), asked.get("by", ""), asked["signature"])
        return
    said = request.headers.get("Authorization", "")
    if said[: len(_BEARER)].lower() == _BEARER and gate.closed:  # where no token was ever made, whoever sends one is anybody
        g.caller, g.by_bearer = gate.caller(said[len(_BEARER) :].strip()), True
        return
    if gate.closed and (cookie := request.cookies.get(COOKIE)) and (caller := gate.caller_of_session(cookie)):
        _our_own_page()
        g.caller = caller
        return
    if settings.insecure:
        _known_host()
        g.caller = ANYBODY
        return
    if gate.closed:
        raise TokenNeeded
    _known_host()
    if not from_here(request):
        raise TokenNeeded(
            "No token has been made yet, and without one only callers on the server's own machine are answered.",
            remedy="Make one there with `waystation token create NAME --role admin`, or set WAYSTATION_INSECURE=1.",
        )
    g.caller = ANYBODY


def refuse_others_uploads() -> None:
    """An upload that is named in the address must be the caller's own. Raises UploadNotFound."""
    named = (request.view_args or {}).get("upload_id")
    if named is not None:
        with suppress(ValueError):  # it names none, which its view says
            current.control().check_upload(UUID(named))


def _our_own_page() -> None:
    """A browser sends the cookie along with whatever a page makes it send: what changes something must come from a page of
    ours. Every browser of the last years says so, in one of two headers that no page can write. Raises Forbidden."""
    if request.method in _SAFE or request.headers.get("Sec-Fetch-Site") == "same-origin":
        return
    if request.headers.get("Origin", "null") == "null":  # any other one was held against our own name already
        raise Forbidden("It can't be told that a page of this server sent this.", remedy="Use a newer browser, or a token.")


def _known_host() -> None:
    """A name of elsewhere that was made to point here is how a foreign page reaches a server that asks for no token. A number
    can't be made so, nor a name without a dot. Raises UnknownHost."""
    name = host_of(request)
    if is_address(name) or (name and "." not in name) or name.endswith(".localhost") or name in current.house().settings.hosts:
        return
    raise UnknownHost(f"This server is not known to be called {name[:100]!r}.")


def acting_get() -> None:
    """Let a GET act only where a person or program asked for it on purpose.

    Raises MethodNotAllowed on HEAD; Forbidden for a prefetch, another site's link, or a caller that neither shows a bearer
    token nor is on this machine (unless WAYSTATION_INSECURE says that whoever reaches the server is trusted).
    """
    if request.method == "HEAD":
        raise MethodNotAllowed("HEAD looks only; this address acts.")
    if request.method != "GET":
        return
    if any(name in request.headers for name in _PREFETCH):
        raise Forbidden("A browser that fetches ahead must not act.")
    if _other_site():
        raise Forbidden("A link of another site must not act.")
    if g.get("by_bearer"):  # no page and no link preview can send one
        return
    if current.caller().name:
        raise Forbidden("GET does not act for a login of the page.", remedy="Send the same request as POST.")
    here = from_here(request) and is_loopback(host_of(request))
    anywhere = current.house().settings.insecure and (is_address(host_of(request)) or host_of(request) == "localhost")
    if not (here or anywhere):
        raise Forbidden("GET acts only for callers on the server's own machine.", remedy="Send the same request as POST.")


def _other_site() -> bool:
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def only_post(path: str) -> MethodNotAllowed:
    """The error for a GET where only POST acts."""
    return MethodNotAllowed(f"{path} acts by POST only.", remedy="Send the same request as POST.")
