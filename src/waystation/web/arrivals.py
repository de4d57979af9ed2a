"""How long a request may take to arrive: who sends a byte now and then must not keep the threads of a server.

A body that is read at once has so many seconds in all (its head came before; see `porch`). An upload may neither stand still
for as long, nor come slower than a rate.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from weakref import WeakSet

CONTINUE = 1.0  # seconds that gunicorn's `100 Continue` may take, the one thing that a thread waits to send


class Arrivals:
    """The requests that are on their way into this process, by their sockets."""

    def __init__(self, seconds: float, rate: float) -> None:
        self.seconds, self.rate = seconds, rate
        self._lock = threading.Lock()
        self._until: dict[socket.socket, float] = {}
        self._late: WeakSet[socket.socket] = WeakSet()

    def begin(self, line: socket.socket) -> None:
        """A request is about to be read."""
        _let_wait(line, socket.SO_RCVTIMEO, 0)
        _let_wait(line, socket.SO_SNDTIMEO, CONTINUE)
        with self._lock:
            self._until[line] = time.monotonic() + self.seconds

    def body_follows(self, line: socket.socket) -> None:
        """Its head is here. From now on nobody waits longer than so for the next bytes."""
        _let_wait(line, socket.SO_RCVTIMEO, self.seconds)

    def expect(self, line: socket.socket, size: int) -> None:
        """So many bytes of an upload are read next: they have as long as they take at the least rate, and some seconds."""
        with self._lock:
            self._until[line] = time.monotonic() + self.seconds + size / self.rate

    def overdue(self, line: socket.socket) -> bool:
        """Whether its reading was ended because it was too slow."""
        with self._lock:
            return line in self._late

    def end(self, line: socket.socket) -> None:
        """It is here."""
        with self._lock:
            self._until.pop(line, None)

    def expire(self) -> None:
        """End the reading of those whose time is over."""
        now = time.monotonic()
        with self._lock:
            late = [line for line, until in self._until.items() if until < now]
            for line in late:
                del self._until[line]
                self._late.add(line)
        for line in late:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RD)


def _let_wait(line: socket.socket, which: int, seconds: float) -> None:
    """How long one read from it, or one write to it, waits (0: for ever), after which it raises BlockingIOError."""
    whole = int(seconds)
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, which, struct.pack("ll", whole, int((seconds - whole) * 1e6)))
