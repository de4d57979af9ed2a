"""The connections on which bytes of uploads come in: a line that has gone dead must not hold its upload for long.

A client whose network was cut comes back on a new connection while the server still waits at the old one, which nobody closed.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

SILENCE = 30.0  # seconds without a byte after which a line is given up
DEAD = 2.0  # seconds without a byte after which it is given up if the same upload comes on another one


@dataclass
class Line:
    """One connection that an upload comes in on."""

    socket: socket.socket | None
    heard_at: float = field(default_factory=time.monotonic)

    def heard(self) -> None:
        """A byte came."""
        self.heard_at = time.monotonic()


class Lines:
    """The lines of this process."""

    def __init__(self) -> None:
        self._lines: dict[UUID, Line] = {}
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, upload: UUID, connection: socket.socket | None) -> Iterator[Line]:
        """This upload comes in on this connection; a read that waits longer than SILENCE raises TimeoutError."""
        line = Line(connection)
        with self._lock:
            self._lines[upload] = line
        before = connection.gettimeout() if connection is not None else None
        if connection is not None:
            connection.settimeout(SILENCE)
        try:
            yield line
        finally:
            if connection is not None:
                connection.settimeout(before)
            with self._lock:
                if self._lines.get(upload) is line:
                    del self._lines[upload]

    def cut_dead(self, upload: UUID) -> bool:
        """End the upload's line if it is silent: its reader finds the end of what came. Whether there was one to end."""
        with self._lock:
            line = self._lines.get(upload)
        if line is None or line.socket is None or time.monotonic() - line.heard_at < DEAD:
            return False
        with suppress(OSError):  # it ended by itself just now
            line.socket.shutdown(socket.SHUT_RD)
        return True
