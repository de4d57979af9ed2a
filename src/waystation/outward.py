"""Where this server may be made to call, and the call itself: a guard for addresses that somebody else names.

A name is resolved once, every address of it is judged, and the call goes to an address that was judged: so a name that changes
between the two leads nowhere else. Redirects are not followed, and no proxy of the environment is asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from waystation.errors import UnsafeAddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
MOST_READ = 64 * 1024  # bytes of an answer that are looked at

_EMBEDDING = [ipaddress.ip_network(n) for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]  # IPv4 inside


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called: what the URL says, and the judged addresses of its host."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def judge(url: str, allowed: Sequence[str] = ()) -> Target:
    """Look at a URL. `allowed`: private networks that may be called all the same. Raises UnsafeAddress, which says why not."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError as error:
        raise UnsafeAddress(f"{url[:200]!r} is no URL: {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UnsafeAddress(f"{url[:200]!r} is no http or https URL.")
    if parts.username is not None or parts.password is not None:
        raise UnsafeAddress("The URL carries a name or a password: deliveries are signed, that is enough.")
    if not url.isprintable() or " " in url:
        raise UnsafeAddress("The URL has blanks or control characters in it.")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnsafeAddress(f"The name {parts.hostname!r} leads to no address: look at how it is written.") from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    networks = [ipaddress.ip_network(n) for n in allowed]
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not (_public(address) or any(address.version == n.version and address in n for n in networks)):
            raise UnsafeAddress(f"{parts.hostname!r} leads to {text}, which is no public address.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, path, addresses)


def _public(address: Address) -> bool:
    """Whether it is an address of the open internet, and holds no other one that is not."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _public(address.ipv4_mapped)
        if any(address in network for network in _EMBEDDING):
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def post(target: Target, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[int, str]:
    """Send a body to a judged address: the status, and the first words of the answer. Raises OSError and HTTPException."""
    connection = _Pinned(target, timeout)
    try:
        connection.request("POST", target.path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read1(MOST_READ).decode(errors="replace").strip()[:200]
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to one of the judged addresses; the certificate must be the host's."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._target = target

    def connect(self) -> None:
        last: OSError | None = None
        for address in self._target.addresses:
            try:
                plain = socket.create_connection((address, self._target.port), self.timeout)
                break
            except OSError as error:
                last = error
        else:
            raise last or OSError("no address")
        secure = self._target.scheme == "https"
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host) if secure else plain
