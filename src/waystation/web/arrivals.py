"""How long a request may take to arrive: who sends a byte now and then must not keep the threads of a server.

A request's head, and a body that is read at once, have so many seconds in all; the bytes of an upload may take as long as they
like, if they never stand still for as long. Only reading ends: an answer that is being written is left in peace.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress


class Arrivals:
    """The requests that are on their way into this process, by their sockets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._until: dict[socket.socket, float] = {}

    def begin(self, line: socket.socket) -> None:
        """A request is about to be read."""
        _let_wait(line, 0)
        with self._lock:
            self._until[line] = time.monotonic() + self.seconds

    def body_follows(self, line: socket.socket) -> None:
        """Its head is here. From now on nobody waits longer than so for the next bytes."""
        _let_wait(line, self.seconds)

    def end(self, line: socket.socket) -> None:
        """It is here, or has all the time that it takes."""
        with self._lock:
            self._until.pop(line, None)

    def expire(self) -> None:
        """End the reading of those whose time is over."""
        now = time.monotonic()
        with self._lock:
            late = [line for line, until in self._until.items() if until < now]
            for line in late:
                del self._until[line]
        for line in late:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RD)


def _let_wait(line: socket.socket, seconds: float) -> None:
    """How long one read from it waits (0: for ever), after which it raises BlockingIOError. Writes wait as they did."""
    whole = int(seconds)
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", whole, int((seconds - whole) * 1e6)))
