"""What must happen although nobody asks: rescue the tasks of dead workers, ring again, retire what is old, sweep what is lost.

One pass at a time in the whole system: each pass elects itself by a lock that lasts no longer than the pass.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import structlog

from waystation import states
from waystation.errors import CrashLoop
from waystation.model import State, Task, Verb
from waystation.settings import Settings
from waystation.states import Event
from waystation.storage import datasets, holdings, tasks, uploads, workers
from waystation.storage.db import Connection, Database, end_backends, every, one
from waystation.storage.files import Files
from waystation.storage.tasks import NewEvent

log = structlog.get_logger("waystation.reaper")

LOCK = 0x57A4  # key among PostgreSQL's advisory locks
SWEEP_EVERY = 15.0  # seconds between two sweeps of what no task owns
UNTAKEN_UPLOAD = 24 * 3600.0  # seconds an upload may wait for its task
FORGET_WORKER = 600.0  # seconds after which a silent worker is no longer listed
RETIRED = frozenset({State.STOPPED, State.TERMINATED, State.UNDONE})


class Bell(Protocol):
    """What the reaper needs of the engine."""

    def ring(self, queue: str) -> bool:
        """Tell one free slot that something waits."""

    def pending(self, queue: str) -> int:
        """How many rings nobody has heard yet."""


@dataclass(frozen=True)
class Reaper:
    """Goes through the tables; see the module."""

    database: Database
    files: Files
    settings: Settings
    bell: Bell
    name: str = "reaper"

    def pass_once(self, *, sweep: bool = False) -> bool:
        """One pass; False when another process is at it right now."""
        with self.database.connect("ws:reaper:lock") as lock:
            got = one(lock, "SELECT pg_try_advisory_xact_lock(%(key)s::int) AS got", key=LOCK)
            if not got or not got["got"]:
                return False
            with self.database.connect("ws:reaper") as connection:
                self._rescue(connection)
                self._ring(connection)
                if sweep:
                    self._retire(connection)
                    self._sweep(connection)
        return True

    # -- rescue
    def _rescue(self, connection: Connection) -> None:
        for task in tasks.expired(connection):
            connection.commit()
            rescue(connection, task, cap=self.settings.crash_cap, actor=self.name)
        connection.commit()

    # -- ring again
    def _ring(self, connection: Connection) -> None:
        waiting = tasks.waiting_queues(connection)
        living = workers.living(connection, within=self.settings.lease * 2)
        free = sum(w.slots for w in living if not w.draining) - tasks.held_count(connection)
        connection.commit()
        for queue, number in waiting.items():
            for _ in range(min(number, free) - self.bell.pending(queue)):
                if not self.bell.ring(queue):
                    return

    # -- retention
    def _retire(self, connection: Connection) -> None:
        for task in tasks.past_retention(connection, self.settings.retention_days * 86400):
            if task.state is State.FAILED:
                move = states.answer(Verb.STOP, task.situation)
                assert isinstance(move, states.Move)
                if tasks.shift(connection, task, move, tries=0):
                    tasks.write_events(
                        connection, [NewEvent(task.id, move.event, "retention", task.attempt, reason="kept long enough")]
                    )
            else:
                datasets.drop_rejects(connection, task.id)
                tasks.expire(connection, task.id, holdings.without_file(task.result) or {})
                self.files.remove_task(task.id)
                tasks.write_events(connection, [NewEvent(task.id, "expired", "retention", task.attempt)])
            connection.commit()
        workers.forget(connection, FORGET_WORKER)
        connection.commit()

    # -- what no task owns
    def _sweep(self, connection: Connection) -> None:
        connection.execute("SET LOCAL lock_timeout = '200ms'")
        datasets.drop_unread(connection)
        connection.commit()
        for upload in uploads.abandoned(connection, seconds=UNTAKEN_UPLOAD, retention=self.settings.retention_days * 86400):
            self.files.remove_upload(upload.path)
            uploads.delete(connection, upload.id)
        connection.commit()
        known = {str(r["id"]) for r in every(connection, "SELECT id FROM uploads")}
        for folder in self.files.unknown_uploads(known):
            if time.time() - folder.stat().st_mtime > UNTAKEN_UPLOAD:
                self.files.remove_upload(f"uploads/{folder.name}/x")
        found = self.files.tasks_with_files()
        states_now = tasks.states_of(connection, found)
        for task in found:
            if states_now.get(task) in RETIRED or task not in states_now:
                self.files.remove_task(task)
            elif states_now[task] is State.SUCCEEDED:
                self.files.remove_segments(task)
        connection.commit()


def rescue(connection: Connection, task: Task, *, cap: int, actor: str) -> Task | None:
    """Take the lease of an attempt that gave no sign of life; None when it came back to life first.

    Its server processes are ended before, so that nothing waits for the locks of the dead. The wish is met as at any other
    move. A task whose attempts die `cap` times in a row at one checkpoint fails, with its place named.
    """
    end_backends(connection, f"ws:{task.id}:")
    connection.commit()
    crashes = task.crashes + 1
    event, error = Event.LOSE, None
    if task.state is State.RUNNING and crashes >= cap:
        event = Event.FAIL
        error = CrashLoop(
            f"Its worker died {crashes} times in a row at the same place: {task.unit} {task.done}, cursor {task.cursor}.",
            cursor=task.cursor,
        ).problem()
    move = states.obey(task.situation, event)
    assert move is not None
    moved = tasks.shift(connection, task, move, expired=True, crashes=crashes, error=error)
    if moved is not None:
        new = [NewEvent(task.id, Event.LOSE, actor, task.attempt, data={"worker": task.worker, "crashes": crashes})]
        if move.event is not Event.LOSE:
            new.append(NewEvent(task.id, move.event, actor, task.attempt, data={"goal": move.goal} if move.goal else {}))
        tasks.write_events(connection, new)
        log.warning("rescued", task=str(task.id), attempt=task.attempt, to=str(move.to))
    connection.commit()
    return moved
