"""Requests and answers of the client: one connection each, in constant memory, with every refusal raised as its own class."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote, urlsplit

from waystation.errors import ServerNotReachable, WaystationError, WrongAddress, table

BLOCK = 1 << 20  # bytes read or written at once
_PLAIN = string.punctuation.replace("%", "") + " "  # header values are latin-1: other letters go percent-encoded
_BLANK = re.compile(r"[\x00-\x20\x7f]")  # what no address holds
_PROBLEM = frozenset({"type", "title", "status", "detail", "code", "remedy", "instance"})


def error_of(problem: Mapping[str, Any]) -> WaystationError:
    """The exception that this problem+json (or a task's `error`) stands for, with its further fields in `extra`."""
    code = str(problem.get("code", ""))
    cls = next((c for c in table() if c.code == code), WaystationError)
    extra = {k: v for k, v in problem.items() if k not in _PROBLEM}
    detail, remedy = problem.get("detail") or problem.get("title"), problem.get("remedy")
    return cls(str(detail) if detail else None, remedy=str(remedy) if remedy else None, **extra)


class Wire:
    """The way to one server, in the name of `actor`. `timeout` is the seconds that one silence may last."""

    def __init__(self, url: str, *, actor: str, timeout: float, token: str | None = None) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or _BLANK.search(url) or not parts.path.isascii():
            raise WrongAddress(f"{url!r} is not the address of a server.")
        if parts.scheme not in ("http", "https"):
            raise WrongAddress(f"{url!r} is not the address of a server: {parts.scheme} is neither http nor https.")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.actor = actor
        self.timeout = timeout
        self._token = token
        self._host, self._port, self._prefix = host, port, parts.path.rstrip("/")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None) -> Any:
        """The JSON that the server answers; `body` is sent as JSON, `key` as the Idempotency-Key."""
        data, headers = None, {}
        if body is not None:
            data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        with self.ask(method, path, data, headers, key=key) as answer:
            try:
                return json.load(answer)
            except ValueError as error:
                raise ServerNotReachable(f"What answers at {self.url} is not a Waystation: it sends no JSON.") from error

    def stream(self, path: str) -> Iterator[bytes]:
        """The body at `path` in blocks; ServerNotReachable if it breaks off before its promised end."""
        with self.ask("GET", path) as first, self._followed(first) as answer:
            expected, seen = answer.length, 0  # http.client ends quietly when a peer goes away between two blocks
            try:
                while block := answer.read(BLOCK):
                    seen += len(block)
                    yield block
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error) from error
        if expected is not None and seen != expected:
            raise ServerNotReachable(f"The answer broke off after {seen:,} of {expected:,} bytes.", remedy="Fetch it again.")

    @contextlib.contextmanager
    def _followed(self, answer: http.client.HTTPResponse) -> Iterator[http.client.HTTPResponse]:
        """The answer itself, or what it links to: a file that is kept elsewhere, where nothing is told of who asks."""
        link = answer.headers.get("Location", "") if answer.status == 302 else ""
        if not link.startswith(("http://", "https://")):
            yield answer
            return
        parts = urlsplit(link)
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        with contextlib.closing(connect(parts.hostname or "", parts.port, timeout=self.timeout)) as connection:
            try:
                connection.request("GET", f"{parts.path}?{parts.query}")
                linked = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                remedy = "Its address is WAYSTATION_S3_PUBLIC_ENDPOINT; WAYSTATION_S3_LINKS=0 has the server send files itself."
                raise ServerNotReachable(
                    f"The file is kept at {parts.netloc}, which does not answer.", remedy=remedy
                ) from error
            if linked.status != 200:
                raise ServerNotReachable(f"The file is kept at {parts.netloc}, which says {linked.status}.")
            yield linked

    @contextlib.contextmanager
    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """One request on a connection of its own, closed at the end of the block; the answer's status is below 400.

        Raises the class that the server's problem names, and ServerNotReachable where no Waystation answers.
        """
        connection = self._connect(self._host, self._port, timeout=self.timeout)
        sent = {
            "Accept": "application/json",
            "X-Actor": quote(self.actor, safe=_PLAIN),
            "Connection": "close",
            **(headers or {}),
        }
        if key is not None:
            sent["Idempotency-Key"] = key
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        chunked = not (body is None or isinstance(body, bytes)) and "Content-Length" not in sent
        with contextlib.closing(connection):
            try:
                # A server that refuses early closes before it has read all: its answer is there all the same.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, self._prefix + path, body, sent, encode_chunked=chunked)
                answer = connection.getresponse()
                raw = answer.read(BLOCK) if answer.status >= 400 else b""
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error) from error
            with answer:
                if answer.status >= 400:
                    raise self._refusal(answer.status, answer.reason, raw)
                yield answer

    def _refusal(self, status: int, reason: str, raw: bytes) -> WaystationError:
        try:
            problem = json.loads(raw)
        except ValueError:
            problem = None
        if isinstance(problem, dict) and "code" in problem:
            return error_of(problem)
        return ServerNotReachable(f"What answers at {self.url} is not a Waystation: it says {status} {reason}.")

    def _unreachable(self, error: Exception) -> ServerNotReachable:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ServerNotReachable(f"No Waystation answers at {self.url}: {why}.")


def size_of(file: IO[bytes]) -> int | None:
    """The bytes still to come from this file, or None for a pipe."""
    try:
        here = file.tell()
        size = file.seek(0, io.SEEK_END) - here
        file.seek(here)
    except (OSError, io.UnsupportedOperation):
        return None
    return size


def blocks_of(file: IO[bytes], sent: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The file in blocks; `sent` hears the size of each once it is on its way."""
    while block := file.read(BLOCK):
        yield block
        if sent:
            sent(len(block))
