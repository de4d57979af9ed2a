"""How long an attempt surely holds its task, by the monotonic clock: what it may still begin outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from waystation.errors import LeaseLost


class Lease:
    """Shared by the attempt, its heartbeat and its calls.

    `length` is what each renewal asks for, in seconds; it grows when a call needs more to spare, and then the death of the
    attempt is noticed later by as much. `beat` asks the heartbeat for a renewal at once; `every` is its usual interval.
    """

    def __init__(self, length: float, every: float, beat: Callable[[], None] = lambda: None) -> None:
        self.length = length
        self._every = every
        self._beat = beat
        self._until = 0.0  # before the first renewal nothing is known
        self._asked = -every  # when the last renewal was asked for
        self._over = False
        self._changed = threading.Condition()

    @classmethod
    def endless(cls) -> Lease:
        """Of a task that nobody else can take."""
        lease = cls(0.0, 1.0)
        lease.renewed(0.0, float("inf"))
        return lease

    def renewed(self, asked: float, length: float) -> None:
        """The database has renewed it: it was asked at this monotonic time, so it holds at least `length` from then."""
        with self._changed:
            self._until = max(self._until, asked + length)
            self._asked = max(self._asked, asked)
            self._changed.notify_all()

    def due_in(self) -> float:
        """Seconds until it should be renewed again; 0 or less when that is due."""
        return self._asked + self._every - time.monotonic()

    def lost(self) -> None:
        """It is another's, or it was given up."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def need(self, seconds: float) -> None:
        """Return once the lease holds for so many seconds more. Raises LeaseLost if it does not come to that."""
        with self._changed:
            self.length = max(self.length, seconds + 2 * self._every + 0.5)
            patience = time.monotonic() + self.length
            while not self._over:
                left = self._until - time.monotonic()
                if left >= seconds:
                    return
                if time.monotonic() > patience:
                    break  # the database does not answer
                self._beat()
                self._changed.wait(self._every)
        raise LeaseLost
