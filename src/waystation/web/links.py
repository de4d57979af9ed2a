"""Links that carry their own permission: to one file of one task, until a moment, in the name of the token that made them."""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import urlencode

from waystation.access import ANYBODY, Caller
from waystation.errors import WrongLink
from waystation.gate import Gate

LONGEST = 30 * 86400  # seconds that a link may last
_KEY = "links"


def signed(gate: Gate, path: str, *, caller: Caller, seconds: float) -> tuple[str, int]:
    """The path with its permission, and the moment (in seconds since 1970) at which that ends."""
    expires = int(time.time() + seconds)
    by = caller.token or 0
    return f"{path}?{urlencode({'expires': expires, 'by': by, 'signature': _signature(gate, path, expires, by)})}", expires


def caller_of(gate: Gate, path: str, expires: str, by: str, signature: str) -> Caller:
    """In whose name this link opens. Raises WrongLink for one that is spoilt, has ended, or whose maker's token has."""
    try:
        until, number = int(expires), int(by)
    except ValueError as error:
        raise WrongLink from error
    if not hmac.compare_digest(_signature(gate, path, until, number).encode(), signature.encode(errors="replace")):
        raise WrongLink
    if until < time.time():
        raise WrongLink("This link has ended.")
    found = gate.caller_of_token(number or None) if gate.closed else ANYBODY
    if found is None:
        raise WrongLink("The token that this link was made with is in force no more.")
    return found


def _signature(gate: Gate, path: str, expires: int, by: int) -> str:
    said = f"{path}\n{expires}\n{by}".encode()
    return hmac.new(gate.key(_KEY), said, hashlib.sha256).hexdigest()
