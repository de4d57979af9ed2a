"""Who may ask for what before there is access control: no page of another site, and no link that is merely followed."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import request

from waystation.errors import Forbidden, MethodNotAllowed, NotFound
from waystation.web.current import house

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFETCH = ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose")
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def refuse_impossible_paths() -> None:
    """An address with a NUL names nothing: no database can hold one. Raises NotFound."""
    if "\0" in request.path:
        raise NotFound("There is nothing at an address that holds a NUL.")


def refuse_other_sites() -> None:
    """A request that changes something must not be sent by another site's page (there are no cookies yet, but there is
    nothing else that would stop it either). Raises Forbidden."""
    if request.method in _SAFE:
        return
    if _other_site():
        raise Forbidden("Another site's page sent this request.")
    origin = request.headers.get("Origin")
    if origin is None or (origin == "null" and request.headers.get("Sec-Fetch-Site") == "same-origin"):
        return
    if urlsplit(origin).netloc.lower() != request.host.lower():
        raise Forbidden(f"This request was sent by a page of {origin}, which is not this server.")


def acting_get() -> None:
    """Let a GET act only where a person or program on this machine asked for it on purpose.

    Raises MethodNotAllowed on HEAD; Forbidden for a prefetch, another site's link, or a caller that is not on this machine
    (unless WAYSTATION_INSECURE says that whoever reaches the server is trusted).
    """
    if request.method == "HEAD":
        raise MethodNotAllowed("HEAD looks only; this address acts.")
    if request.method != "GET":
        return
    if any(name in request.headers for name in _PREFETCH):
        raise Forbidden("A browser that fetches ahead must not act.")
    if _other_site():
        raise Forbidden("A link of another site must not act.")
    if not (_from_anywhere() if house().settings.insecure else _from_here()):
        raise Forbidden("GET acts only for callers on the server's own machine.", remedy="Send the same request as POST.")


def _other_site() -> bool:
    return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def _from_here() -> bool:
    """The caller is on this machine and calls it by a name of this machine (a name of elsewhere that was made to point here
    is how a foreign page reaches a local server); a proxy's caller is not on this machine."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    name = urlsplit(f"//{request.host}").hostname or ""
    return _is_loopback(request.remote_addr or "") and (name == "localhost" or _is_loopback(name))


def _from_anywhere() -> bool:
    """The caller named the server by a number, which no foreign page can make its own, or as localhost."""
    name = urlsplit(f"//{request.host}").hostname or ""
    return name == "localhost" or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def only_post(path: str) -> MethodNotAllowed:
    """The error for a GET where only POST acts."""
    return MethodNotAllowed(f"{path} acts by POST only.", remedy="Send the same request as POST.")
