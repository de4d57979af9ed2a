"""The sign of life of an attempt: a thread with a connection of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from uuid import UUID

import psycopg
import structlog

from waystation.sdk.lease import Lease
from waystation.settings import Settings
from waystation.storage import tasks
from waystation.storage.db import Connection, Database, attempt_name

log = structlog.get_logger("waystation.heartbeat")
GRACE = 1.0  # seconds an attempt has to go quiet by itself once its lease is gone
EXIT_CODE = 70


def exit_process() -> None:
    """End this process at once: its attempt works on a task that is another's now."""
    os._exit(EXIT_CODE)


class Heartbeat:
    """Renews the lease of one attempt between its checkpoints, where none comes for a whole interval.

    When the lease is gone it waits a second; an attempt that still runs then is ended with its process, because it may hang
    in code that never yields. `leaving` is set by the attempt when it gives the lease up itself.

    It also watches the steps: one that takes longer than `step_timeout` seconds is reported to `on_overdue`, which takes the
    task away from it; then it is as if the lease were lost.
    """

    def __init__(
        self,
        database: Database,
        task: UUID,
        attempt: int,
        settings: Settings,
        lease: Lease,
        on_lost: Callable[[], None] | None,
        on_overdue: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._task, self._attempt = database, task, attempt
        self._settings = settings
        self._lease = lease
        self._on_lost = on_lost or exit_process
        self._on_overdue = on_overdue
        self._over = threading.Event()
        self._wake = threading.Event()
        self._log = log.bind(task=str(task), attempt=attempt)
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{task}", daemon=True)
        self.leaving = False
        self.step_timeout: float | None = None
        self.step_began: float | None = None  # by the monotonic clock; None between steps
        self.seconds = 0.0  # spent in beats

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """The attempt is over."""
        self._over.set()
        self._wake.set()
        self._thread.join(timeout=self._settings.lease)

    def now(self) -> None:
        """Beat at once: somebody needs the lease to hold for longer."""
        self._wake.set()

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the end of the attempt."""
        self._over.wait(seconds)

    def _beat(self) -> None:
        connection: Connection | None = None
        try:
            pause = self._settings.heartbeat
            while True:
                woken = self._wake.wait(pause)
                self._wake.clear()
                if self._over.is_set():
                    return
                pause = self._settings.heartbeat
                if self.leaving:
                    continue
                try:
                    if self._overdue():
                        self._on_overdue()
                        self._end_process("a step took too long and goes on")
                        return
                    if not woken and (early := self._lease.due_in()) > 0:  # a checkpoint has just been a sign of life
                        pause = early
                        continue
                    if connection is None:
                        connection = self._database.connect(attempt_name(self._task, self._attempt), autocommit=True)
                    before, length = time.monotonic(), self._lease.length
                    alive = tasks.beat(connection, self._task, self._attempt, length)
                    self.seconds += time.monotonic() - before
                    if alive:
                        self._lease.renewed(before, length)
                except psycopg.Error as error:
                    self._log.warning("heartbeat failed", error=str(error))
                    if connection is not None:
                        connection.close()
                    connection = None
                    continue
                if not alive and not self.leaving:
                    self._lease.lost()
                    self._end_process("lease lost and the attempt goes on")
                    return
        finally:
            if connection is not None:
                connection.close()

    def _overdue(self) -> bool:
        began, limit = self.step_began, self.step_timeout
        return began is not None and limit is not None and time.monotonic() - began > limit

    def _end_process(self, why: str) -> None:
        """Unless the attempt goes quiet by itself within a moment."""
        if not self._over.wait(GRACE) and not self.leaving:
            self._log.error(f"{why}: ending the process")
            self._on_lost()
