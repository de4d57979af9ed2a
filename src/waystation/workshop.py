"""Run kinds against a real, private PostgreSQL, with attempts in processes of their own that are really killed: for tests.

The pytest fixture `waystation` hands one out; see docs/tutorial.md. `python -m waystation.workshop` is one attempt.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from waystation import logs
from waystation.control import Control
from waystation.errors import WaystationError, WrongKind
from waystation.model import JsonValue, State, Task, Verb
from waystation.reaper import rescue
from waystation.runner import Shop, hear
from waystation.sdk.kind import Kind, Registry
from waystation.settings import Settings
from waystation.states import FINAL
from waystation.storage import tasks
from waystation.storage.db import Connection, Database
from waystation.storage.files import files_of

KILL_AT = "WAYSTATION_WORKSHOP_KILL"  # "3 saved" or "3 unsaved": the step at which the attempt kills itself
NOBODY = 3  # exit code of an attempt that found nothing to claim
LOOK_EVERY = 0.05  # seconds
SHORT = {"lease": 0.8, "heartbeat": 0.2, "slice": 3600.0, "log": "error"}


class NotDone(WaystationError):
    """The task did not come to its end in the time that the test gives it."""

    code = "not-done"
    remedy = "Give run(…) a longer `timeout`, or look at task.error and waystation.timeline(task)."


class _NoEngine:
    """Nobody is rung: the workshop runs each attempt itself."""

    def ring(self, queue: str) -> bool:
        return True

    def kill(self, message: str) -> None:
        return None

    def alive(self) -> bool:
        return True


class Workshop:
    """One database and one folder, and attempts that run when they are told to.

    `db` is a connection of the test's own, in autocommit. `control` does all that the API does.
    """

    def __init__(self, database_url: str, home: Path) -> None:
        self._settings = Settings.from_env({}, home=home, database_url=database_url, **SHORT)
        self._database = Database(database_url)
        self.db: Connection = self._database.connect("test", autocommit=True)
        self.db.execute("SET search_path = public, waystation")
        self.registry = Registry()
        self.control = Control(self._database, self.registry, files_of(self._settings), _NoEngine(), self._settings)

    def close(self) -> None:
        """Let go of the database."""
        self.db.close()
        self._database.close()

    # -- for tests
    def upload(self, content: bytes | str | Path, name: str = "data.csv") -> UUID:
        """Send a file: its id, for the parameters."""
        data = content.read_bytes() if isinstance(content, Path) else content
        with self.control.receive(name, actor="test") as writer:
            writer.write(data.encode() if isinstance(data, str) else data)
            return writer.commit().id

    def start(self, kind: Kind, params: Mapping[str, JsonValue] | None = None) -> Task:
        """Submit a task; nobody works on it until `go_on`."""
        module = kind.run.__module__
        if module == "__main__" or not any(value is kind for value in vars(sys.modules[module]).values()):
            raise WrongKind(
                f"Kind {kind.name!r} can't be run in a process of its own: it is no name of a module.",
                remedy="Define it at the top of a module that can be imported, and use that name here.",
            )
        self.registry.add(kind)
        return self.control.submit(kind.name, {k: _plain(v) for k, v in (params or {}).items()}, actor="test")[0]

    def run(
        self,
        kind: Kind,
        params: Mapping[str, JsonValue] | None = None,
        *,
        kill_after: int | None = None,
        kill_before: int | None = None,
        timeout: float = 60.0,
    ) -> Task:
        """Run a task to its end. Its first attempt is killed (-9) after step `kill_after` is saved, or after the work of step
        `kill_before` is done and before it is saved; another goes on from there."""
        return self.go_on(self.start(kind, params), kill_after=kill_after, kill_before=kill_before, timeout=timeout)

    def go_on(
        self, task: Task, *, kill_after: int | None = None, kill_before: int | None = None, timeout: float = 60.0
    ) -> Task:
        """Run attempts of a task until it has ended or is paused. Raises NotDone."""
        until = time.monotonic() + timeout
        kill = f"{kill_after} saved" if kill_after else f"{kill_before} unsaved" if kill_before else ""
        while True:
            task = self.control.get(task.id)
            if task.state in (*FINAL, State.PAUSED):
                return task
            if time.monotonic() > until:
                raise NotDone(f"The task is {task.state} after {timeout:g} s: {task.done} {task.unit} done, {task.error}.")
            if task.held:
                self._rescue(task)
            elif self._attempt(task, kill) == NOBODY:
                time.sleep(LOOK_EVERY)  # it is to be claimed again later
            else:
                kill = ""

    def stop(self, task: Task, *, timeout: float = 60.0) -> Task:
        """Stop a task and wait until what it did is taken back."""
        self.control.act(Verb.STOP, task.id, actor="test")
        return self.go_on(task, timeout=timeout)

    def undo(self, task: Task, *, kill_after: int | None = None, timeout: float = 60.0) -> Task:
        """Undo a task that has succeeded and wait until all is taken back; `kill_after` counts the steps of the undo."""
        task = self.control.act(Verb.UNDO, task.id, actor="test")
        return task if task.state is State.UNDONE else self.go_on(task, kill_after=kill_after, timeout=timeout)

    def timeline(self, task: Task) -> list[str]:
        """What happened to a task, in the words of its timeline."""
        return [e.event for e in self.control.events(task.id)]

    def result(self, task: Task) -> bytes:
        """The file that a task has made."""
        return self.control.result(task.id).read_bytes()

    # -- attempts
    def _attempt(self, task: Task, kill: str) -> int:
        kind = self.registry.get(task.kind)
        done = subprocess.run(
            [sys.executable, "-m", "waystation.workshop", task.queue],
            env={
                **os.environ,
                **self._settings.environ(),
                "WAYSTATION_KINDS": kind.run.__module__,
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                KILL_AT: kill,
            },
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode not in (0, NOBODY, -signal.SIGKILL):
            raise NotDone(f"The process of the attempt ended with {done.returncode}.", remedy="What it said stands above.")
        return done.returncode

    def _rescue(self, task: Task) -> None:
        """What the reaper does for attempts that gave no sign of life."""
        with self._database.connect("ws:workshop") as connection:
            for silent in tasks.expired(connection):
                connection.commit()
                rescue(connection, silent, cap=self._settings.crash_cap, actor="workshop")
            connection.commit()
        time.sleep(LOOK_EVERY)


def _plain(value: Any) -> JsonValue:
    return str(value) if isinstance(value, UUID | Path) else value


def main(queue: str) -> int:
    """One attempt, of the task that waits in this queue; NOBODY if none does."""
    settings = Settings.from_env()
    logs.set_up(settings.log)
    assert settings.database_url is not None
    number, _, when = os.environ.get(KILL_AT, "").partition(" ")
    steps = 0

    def at_step(saved: bool) -> None:
        nonlocal steps
        steps += not saved
        if number and steps == int(number) and saved == (when == "saved"):
            os.kill(os.getpid(), signal.SIGKILL)

    shop = Shop(
        database=Database(settings.database_url, pool=2),
        registry=Registry.load(settings.kinds),
        files=files_of(settings),
        settings=settings,
        worker=f"workshop:{os.getpid()}",
        ring=lambda queue: True,
        at_step=at_step,
    )
    return 0 if hear(shop, queue) else NOBODY


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
