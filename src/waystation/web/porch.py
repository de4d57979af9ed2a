"""Connections that need no thread yet, or none any more: they wait beside the loop of the web process, however many they are.

A request goes to a thread once its head is here: who sends half a head and nothing more keeps nobody from being served. An
answer that its client does not read for now waits here until the line takes more of it. And a connection that ends is seen off
here: its client has a moment to read the answer and to close, on which nobody waits.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

HEAD = 64 * 1024  # bytes of the longest head; what gunicorn reads of one is bounded line by line
LINGER = 2.0  # seconds in which the client of an ended connection may close it
DISCARD = 2**20  # bytes that such a client may still send
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Porch:
    """The connections that wait. `enter` hands one to a thread, `gone` is told of each that was closed here.

    Each has so many `seconds`: a head in all, an unread answer since some of it was read. Beyond `places` of them, the one
    whose time is over first makes room: a crowd of those that wait keeps nobody from coming in.
    """

    def __init__(
        self,
        poller: selectors.BaseSelector,
        seconds: float,
        places: int,
        enter: Callable[[Any], None],
        gone: Callable[[Any], None],
    ) -> None:
        self._poller, self._seconds, self._places, self._enter, self._gone = poller, seconds, places, enter, gone
        self._until: dict[Any, float] = {}
        self._left: dict[Any, int] = {}  # bytes that those on their way out may still send

    def come(self, conn: Any, known: int = -1, until: float | None = None) -> None:
        """A connection on which a request is to come, or has begun to. If it has waited for more than the `known` bytes that
        are not read yet, and there are no more, it has ended: a thread finds that out as it always does."""
        held = b"" if conn.parser is None else conn.parser.unreader.buf.getvalue()
        try:
            coming = conn.sock.recv(HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            over = len(coming) in (0, known)
        except BlockingIOError:
            coming, over = b"", False
        except OSError:
            coming, over = b"", True
        if over or b"\r\n\r\n" in (held + coming).lstrip(b"\r\n"):
            self._enter(conn)
        elif len(held) + len(coming) >= HEAD:
            with suppress(OSError):
                conn.sock.send(_TOO_LONG, socket.MSG_DONTWAIT)
            self.see_off(conn)
        else:
            self._wait(conn, len(coming), until or time.monotonic() + self._seconds)

    def _wait(self, conn: Any, known: int, until: float) -> None:
        """Come back when there are more than so many bytes, or its end."""
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, known + 1)
        self._stand(conn, until, selectors.EVENT_READ, partial(self._more, conn, known))

    def _more(self, conn: Any, known: int, _sock: socket.socket) -> None:
        until = self._forget(conn)
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self.come(conn, known, until)

    def hold(self, conn: Any) -> None:
        """A connection that takes no more of its answer for now: a thread goes on with it once it does."""
        self._stand(conn, time.monotonic() + self._seconds, selectors.EVENT_WRITE, partial(self._read, conn))

    def _read(self, conn: Any, _sock: socket.socket) -> None:
        self._forget(conn)
        self._enter(conn)

    def see_off(self, conn: Any) -> None:
        """The last answer is sent. What the client still sends is thrown away until it closes, or the answer might be lost."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._left[conn] = DISCARD
        self._stand(conn, time.monotonic() + LINGER, selectors.EVENT_READ, partial(self._discard, conn))

    def _discard(self, conn: Any, _sock: socket.socket) -> None:
        try:
            came = len(conn.sock.recv(65536))
        except BlockingIOError:
            return
        except OSError:
            came = 0
        self._left[conn] -= came
        if not came or self._left[conn] <= 0:
            self._forget(conn)
            self._close(conn)

    def expire(self, *, most: float = float("inf")) -> None:
        """Close those whose time is over. `most`: seconds that any of them has from now on, for a server that ends."""
        now = time.monotonic()
        for conn, until in list(self._until.items()):
            if until <= now:
                self._forget(conn)
                self._close(conn)
            elif until > now + most:
                self._until[conn] = now + most

    def _stand(self, conn: Any, until: float, event: int, then: Callable[[socket.socket], None]) -> None:
        if len(self._until) >= self._places:
            first = min(self._until, key=self._until.__getitem__)
            self._forget(first)
            self._close(first)
        conn.sock.setblocking(False)
        self._until[conn] = until
        self._poller.register(conn.sock, event, then)

    def _forget(self, conn: Any) -> float:
        self._left.pop(conn, None)
        with suppress(KeyError, ValueError):
            self._poller.unregister(conn.sock)
        return self._until.pop(conn)

    def _close(self, conn: Any) -> None:
        conn.close()
        self._gone(conn)
