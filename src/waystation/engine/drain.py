"""Asking a worker's processes to end: a pipe that everybody can look at without waiting.

The supervisor holds the writing end, the Celery main and its children inherit the reading end. Closed (on purpose, or because
the supervisor died by kill -9) it reads as ended: then every attempt finishes its step, saves it and gives its task back.
"""

from __future__ import annotations

import os
import select

VARIABLE = "WAYSTATION_DRAIN_FD"


class DrainPipe:
    """The supervisor's end."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_inheritable(self.reader, True)

    def drain(self) -> None:
        """Everybody who looks from now on sees it."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def close(self) -> None:
        """Both ends."""
        self.drain()
        os.close(self.reader)


class Draining:
    """The children's view: `draining()` is cheap enough for every yield."""

    def __init__(self, fd: int | None) -> None:
        self._poll: select.poll | None = None
        if fd is not None:
            self._poll = select.poll()
            self._poll.register(fd, select.POLLIN | select.POLLHUP)

    @classmethod
    def from_env(cls) -> Draining:
        """The pipe that the supervisor handed over, if there is one."""
        value = os.environ.get(VARIABLE)
        return cls(int(value)) if value else cls(None)

    def __call__(self) -> bool:
        return self._poll is not None and bool(self._poll.poll(0))
