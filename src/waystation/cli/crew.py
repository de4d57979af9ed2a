"""The processes of `waystation up`: web and worker under one supervisor, which starts them again if they die."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import structlog

from waystation.client import Client
from waystation.errors import NotStarted, ServerNotReachable, Unavailable
from waystation.local import lodge
from waystation.local.paths import Home
from waystation.settings import Settings

log = structlog.get_logger("waystation.up")
LOOK = 0.1  # seconds between two looks at the children
LONGEST_WAIT = 10.0  # seconds before a child that died again and again is started again
STEADY = 30.0  # seconds of life after which a child counts as well
TRIES = 4  # deaths before the first moment of readiness that are borne
GRACE = 5.0  # seconds that a child gets beyond the drain time
KEEPER = 5.0  # seconds that the private servers get to leave


class Child:
    """One command of ours as a process, started again with growing patience."""

    def __init__(self, name: str, command: Callable[[], tuple[list[str], tuple[int, ...]]], environ: dict[str, str]) -> None:
        self.name, self._command, self._environ = name, command, environ
        self.deaths = 0
        self._born = self._again = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which ends the others."""
        arguments, handed = self._command()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "waystation", *arguments, "--child-of", str(os.getpid())],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=2,  # standard output is for our one line; Celery says farewell there
            start_new_session=True,
            pass_fds=handed,
        )
        self._born = time.monotonic()
        for fd in handed:
            os.close(fd)

    def look(self) -> int | None:
        """See to it that it runs. The exit code if it has just died; it is started again when its pause is over."""
        if self._process is None:
            if time.monotonic() >= self._again:
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self.deaths = 1 if time.monotonic() - self._born > STEADY else self.deaths + 1
        self._again = time.monotonic() + min(LONGEST_WAIT, 0.5 * 2 ** (self.deaths - 1))
        self._process = None
        log.error(f"the {self.name} process has died and is started again", code=code)
        return code

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def end(self, until: float) -> bool:
        """Wait for its end, at most until then, and kill it otherwise; whether it ended by itself."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error(f"the {self.name} process did not end in time and is killed")
            self._process.kill()  # what it started itself is tied to it, and ends too
            self._process.wait()
            return False
        return True


class Crew:
    """Web and worker of one home. `run` blocks until SIGTERM or SIGINT."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._over = threading.Event()
        self._told, self._url = -1, ""
        environ = {**os.environ, **settings.environ()}
        lone = {name: value for name, value in environ.items() if not name.startswith("WAYSTATION_ADMIN_TOKEN")}
        self._web = Child("web", self._web_command, environ)
        self._worker = Child("worker", lambda: (["worker"], ()), lone)  # kinds run there: what opens every door is not for them

    def run(self, ready: Callable[[str], None]) -> int:
        """Serve; `ready` hears the address, once, when everything answers. The exit code: 0 if all ended in time.

        Raises NoLocalServer, and NotStarted when a child dies again and again before anything was ready.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)
        settings = self._settings
        private = {"database": settings.database_url is None, "broker": settings.redis_url is None}
        try:
            with lodge(settings.home, **private):  # held here too: the servers stay while both children are away
                try:
                    self._web.start()
                    self._worker.start()
                    self._serve(ready)
                finally:
                    ended = self._end()
        finally:
            if any(private.values()):
                self._see_off(Home(settings.home))
        return 0 if ended else 1

    def _serve(self, ready: Callable[[str], None]) -> None:
        told = False
        while not self._over.wait(LOOK):
            for child in (self._web, self._worker):
                code = child.look()
                if code is not None and not told and (child.deaths >= TRIES or code == NotStarted.exit_code):
                    raise NotStarted(f"The {child.name} process ends as soon as it is started (exit code {code}).")
            self._hear()
            if self._url and not told and self._answers():
                told = True
                ready(self._url)

    def _answers(self) -> bool:
        try:
            Client(self._url, timeout=2).ready()
        except (Unavailable, ServerNotReachable):
            return False
        return True

    def _web_command(self) -> tuple[list[str], tuple[int, ...]]:
        """A pipe brings back the address, which a port of 0 leaves open; started again, web listens where it did before."""
        if self._told >= 0:
            os.close(self._told)
        self._told, theirs = os.pipe()
        port = self._url.rpartition(":")[2] or str(self._settings.port)
        return ["web", "--port", port, "--announce", str(theirs)], (theirs,)

    def _hear(self) -> None:
        if self._told >= 0 and select.select([self._told], [], [], 0)[0]:
            self._url = os.read(self._told, 1000).decode() or self._url
            os.close(self._told)
            self._told = -1

    def _end(self) -> bool:
        children = (self._web, self._worker)
        for child in children:
            child.ask_to_end()
        until = time.monotonic() + max(self._settings.drain, self._settings.linger + self._settings.grace) + GRACE * 2
        ended = [child.end(until) for child in children]  # every one, whatever the first says
        return all(ended)

    def _see_off(self, home: Home) -> None:
        """Wait until the private servers have left, unless somebody else uses them: then nothing is left running."""
        until = time.monotonic() + KEEPER
        while time.monotonic() < until:
            lock = home.take(home.keeper_lock)
            if lock is not None:
                os.close(lock)
                return
            time.sleep(LOOK)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._over.set()
