"""Whether a name or a number means this machine, and whether a request came from it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from flask import Request

COOKIE = "__Host-waystation"  # the prefix lets browsers take it for this host alone, and over TLS (or from this machine) only
_NO_HOST = re.compile(r"[^\w.:\[\]-]").search
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


def is_address(name: str) -> bool:
    """It is a number of IP: no foreign page can make one its own."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """It means this machine and no other: localhost, 127.0.0.1, ::1."""
    if name == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def host_of(request: Request) -> str:
    """The name that the request calls this server by, without its port."""
    if _NO_HOST(request.host):  # no browser sends these; whoever does wants it to be read as another name
        return ""
    try:
        return (urlsplit(f"//{request.host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def from_here(request: Request) -> bool:
    """The caller is on this machine; a proxy's caller is not."""
    return not any(name in request.headers for name in _FORWARDED) and is_loopback(request.remote_addr or "")
