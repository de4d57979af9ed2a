"""The worker's supervisor: starts the Celery main and the reaper, starts them again if they die, drains them at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from waystation.engine.drain import VARIABLE, DrainPipe
from waystation.engine.handed import BUILT_IN, SUPERVISOR, WORKER
from waystation.health import listening
from waystation.settings import Settings

log = structlog.get_logger("waystation.worker")
AGAIN = 1.0  # seconds before a process that died is started again
# Chunks of some megabytes are made and let go all the time: glibc would give them back to the system, which clears the pages
# anew for the next one, 19,000 in an import of 100 MB. With this it is 1,600, and no more memory is held at once.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(64 * 2**20), "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20)}


class Supervisor:
    """One worker: `run` blocks until SIGTERM or SIGINT, then drains. Settings must name both servers."""

    def __init__(self, settings: Settings, *, name: str, built_in: tuple[str, ...]) -> None:
        assert settings.database_url is not None
        assert settings.redis_url is not None
        self._settings = settings
        self._pipe = DrainPipe()
        self._end = threading.Event()
        self._environ = {
            **MEMORY,
            **os.environ,
            **settings.environ(),
            WORKER: name,
            SUPERVISOR: str(os.getpid()),
            BUILT_IN: ",".join(built_in),
            VARIABLE: str(self._pipe.reader),
        }
        self._pid_file = settings.home / "run" / "worker.pid"

    def run(self, ready: Callable[[], None] = lambda: None) -> int:
        """Until asked to end; 0 when everything ended in time."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.write_text(f"{os.getpid()}\n")
        celery, reaper = self._start_celery(), self._start("waystation.engine.reaping")
        ready()
        while not self._end.wait(0.2):
            if celery.poll() is not None:
                log.error("the Celery main has died", code=celery.returncode)
                self._end.wait(AGAIN)
                celery = self._start_celery()
            if reaper.poll() is not None:
                log.error("the reaper has died", code=reaper.returncode)
                self._end.wait(AGAIN)
                reaper = self._start("waystation.engine.reaping")
        return self._drain(celery, reaper)

    def _start_celery(self) -> subprocess.Popen[bytes]:
        if self._settings.pulse is not None:
            listening(self._settings.pulse).unlink(missing_ok=True)  # until the new one does
        return self._start("waystation.engine.main")

    def _start(self, module: str) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which drains the others.
        return subprocess.Popen(
            [sys.executable, "-m", module],
            env=self._environ,
            pass_fds=[self._pipe.reader],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._end.set()

    def _drain(self, celery: subprocess.Popen[bytes], reaper: subprocess.Popen[bytes]) -> int:
        self._pipe.drain()
        # Celery's warm shutdown waits for running steps without limit: the pipe makes them short, and the limit is here.
        # (Its soft shutdown would sleep its whole time even when the steps end at once.)
        celery.terminate()
        code = 0
        until = time.monotonic() + self._settings.drain + 5
        try:
            celery.wait(timeout=until - time.monotonic())
        except subprocess.TimeoutExpired:
            log.error("the running steps did not end in time; they are killed and lose one step at most")
            os.killpg(celery.pid, signal.SIGKILL)
            celery.wait()
            code = 1
        reaper.terminate()
        try:
            reaper.wait(timeout=5)
        except subprocess.TimeoutExpired:
            reaper.kill()
            reaper.wait()
        self._pipe.close()
        self._pid_file.unlink(missing_ok=True)
        return code
