"""What must happen although nobody asks: rescue the tasks of dead workers, ring again, retire what is old, sweep what is lost.

One pass at a time in the whole system: each pass elects itself by a lock that lasts no longer than the pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import psycopg
import structlog

from waystation import rights, states
from waystation.acts import Act
from waystation.errors import crash_loop
from waystation.model import State, Task, Verb
from waystation.settings import Settings
from waystation.starting import start_due
from waystation.states import Event
from waystation.storage import (
    audit,
    datasets,
    holdings,
    staging,
    tallies,
    tasks,
    unfinished,
    uploads,
    waiting,
    webhooks,
    workers,
)
from waystation.storage.db import Connection, Database, every, one
from waystation.storage.files import Files
from waystation.storage.tasks import NewEvent

log = structlog.get_logger("waystation.reaper")

LOCK = 0x57A4  # key among PostgreSQL's advisory locks
LOCK_TIMEOUT = 0.3  # seconds that it waits for anybody's lock: it is never worth more
LEADER_IDLE = 3.0  # seconds after which a leader that stands still is no longer one
SWEEP_EVERY = 15.0  # seconds between two sweeps of what no task owns
UNTAKEN_UPLOAD = 24 * 3600.0  # seconds an upload may wait for its task
FORGET_WORKER = 600.0  # seconds after which a silent worker is no longer listed
RETIRED = frozenset({State.STOPPED, State.TERMINATED, State.UNDONE})


class Bell(Protocol):
    """What the reaper needs of the engine."""

    def ring(self, queue: str) -> bool:
        """Tell one free slot that something waits."""

    def kill(self, message: str) -> None:
        """Kill the process that works on this message, if there is one."""

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
        # Both connections lose their locks by a short idle timeout: a leader that is frozen or cut off must not stop all.
        # (Two at once would do no harm: each write is guarded.)
        lock = self.database.connect("ws:reaper:lock", idle_timeout=LEADER_IDLE)
        try:
            got = one(lock, "SELECT pg_try_advisory_xact_lock(%(key)s::int) AS got", key=LOCK)
            if not got or not got["got"]:
                return False
            with self.database.connect("ws:reaper", lock_timeout=LOCK_TIMEOUT, idle_timeout=LEADER_IDLE) as connection:
                self._rescue(connection)
                start_due(connection)
                self._let_begin(connection)
                self._ring(connection)
                self._sample(connection)
                self._add_up(connection)
                if sweep:
                    for part in (self._retire, self._drop_unread, self._sweep_uploads, self._sweep_files):
                        part(connection)
        finally:
            with suppress(psycopg.Error):
                lock.rollback()  # a close alone is not waited for: the next one would find it locked
            lock.close()
        return True

    # -- rescue
    def _rescue(self, connection: Connection) -> None:
        for task in tasks.expired(connection):
            connection.commit()
            with _unless_locked(connection):
                moved = rescue(connection, task, cap=self.settings.crash_cap, actor=self.name)
                if moved is not None and task.message:
                    # Dead already, most likely. If it hangs or is frozen, it goes and its slot comes back.
                    self.bell.kill(task.message)
        connection.commit()

    # -- tasks that wait for others
    def _let_begin(self, connection: Connection) -> None:
        """What waited for a task that succeeded may begin; what waited for one that never will is stopped."""
        for wait in waiting.over(connection):
            connection.commit()
            with _unless_locked(connection):
                if (task := tasks.get(connection, wait.id)) is None:
                    continue
                timeout = self.settings.publish_lock_timeout
                if wait.came_to is not State.SUCCEEDED:
                    why = f"the task that it waited for, {wait.other}, is {wait.came_to}"
                    rights.stop(connection, self.files, task, why, actor=self.name, lock_timeout=timeout)
                elif lost := rights.lost(connection, task.created_by, task.kind, task.dataset):
                    other = str(wait.other)
                    rights.refuse(connection, self.files, task, lost, actor=self.name, lock_timeout=timeout, after=other)
                elif waiting.let_begin(connection, wait):
                    told = NewEvent(wait.id, "may begin", self.name, 0, data={"after": str(wait.other)})
                    tasks.write_events(connection, [told])
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

    # -- history
    def _sample(self, connection: Connection) -> None:
        with _unless_locked(connection):
            tasks.sample(connection)

    def _add_up(self, connection: Connection) -> None:
        with _unless_locked(connection):
            tallies.add_up(connection)

    # -- retention
    def _retire(self, connection: Connection) -> None:
        for task in tasks.past_retention(connection, self.settings.retention_days * 86400):
            connection.commit()
            with _unless_locked(connection):
                self._retire_one(connection, task)
        workers.forget(connection, FORGET_WORKER)
        webhooks.forget(connection, self.settings.retention_days * 86400)
        tasks.forget_samples(connection, self.settings.retention_days * 86400)
        connection.commit()
        if gone := audit.expire(connection, self.settings.audit_days * 86400):
            audit.note(connection, "retention", Act.AUDIT_EXPIRE, data={"lines": gone})
        connection.commit()

    def _retire_one(self, connection: Connection, task: Task) -> None:
        if task.state is State.FAILED:
            move = states.answer(Verb.STOP, task.situation)
            assert isinstance(move, states.Move)
            if tasks.shift(connection, task, move, tries=0):
                stopped = NewEvent(task.id, move.event, "retention", task.attempt, reason="kept long enough")
                tasks.write_events(connection, [stopped])
            return
        staging.drop_rejects(connection, task.id)
        tasks.expire(connection, task.id, holdings.without_file(task.result) or {})
        self.files.remove_task(task.id)
        tasks.write_events(connection, [NewEvent(task.id, "expired", "retention", task.attempt)])

    # -- what no task owns
    def _drop_unread(self, connection: Connection) -> None:
        for batch in datasets.unread(connection):
            connection.commit()
            with _unless_locked(connection):
                datasets.drop(connection, batch)
        connection.commit()

    def _sweep_uploads(self, connection: Connection) -> None:
        retention = self.settings.retention_days * 86400
        for upload in uploads.abandoned(connection, seconds=UNTAKEN_UPLOAD, retention=retention):
            with _unless_locked(connection):
                gone = uploads.delete(connection, upload.id, task=upload.task)
                connection.commit()
                if gone:  # nobody took it since it was listed
                    self.files.remove_upload(upload.path)
        for given_up in unfinished.expire(connection):
            connection.commit()
            self.files.remove_upload(given_up.path)
        known = {str(r["id"]) for r in every(connection, "SELECT id FROM uploads UNION ALL SELECT id FROM unfinished_uploads")}
        connection.commit()
        for place in self.files.stray_uploads(known, seconds=UNTAKEN_UPLOAD):
            self.files.remove_upload(place)

    def _sweep_files(self, connection: Connection) -> None:
        found = self.files.tasks_with_files()
        now = tasks.states_of(connection, set(found))
        connection.commit()
        for id, settled in found.items():
            state = now.get(id)
            if state is None or state in RETIRED:
                self.files.remove_task(id)
            elif state is State.SUCCEEDED and not settled:
                task = tasks.get(connection, id)
                connection.commit()
                file = (task.result or {}).get("file") if task else None
                if file:
                    self.files.settle(id, file["path"])


@contextmanager
def _unless_locked(connection: Connection) -> Iterator[None]:
    """One piece of work and its commit; put off to the next pass if somebody's lock is in the way."""
    try:
        yield
        connection.commit()
    except (psycopg.errors.LockNotAvailable, psycopg.errors.UniqueViolation) as error:
        # UniqueViolation: an old task is to be taken back while a new one for the same thing is under way.
        connection.rollback()
        log.info("put off: something is in the way", error=str(error).splitlines()[0])


def rescue(connection: Connection, task: Task, *, cap: int, actor: str) -> Task | None:
    """Take the lease of an attempt that gave no sign of life; None when it came back to life, or somebody has its row.

    Its server processes are ended before, so that nothing waits for the locks of the dead. The wish is met as at any other
    move. A task whose attempts die `cap` times in a row at one checkpoint fails, with its place named.
    """
    tasks.end_expired(connection, task)
    connection.commit()
    now = tasks.expired_one(connection, task)
    if now is None:
        connection.commit()
        return None
    crashes = now.crashes + 1
    event, error = Event.LOSE, None
    if now.state is State.RUNNING and crashes >= cap:
        event, error = Event.FAIL, crash_loop(now.unit, now.done, now.cursor, crashes)
    move = states.obey(now.situation, event)
    assert move is not None
    moved = tasks.shift(connection, now, move, expired=True, crashes=crashes, error=error)
    if moved is not None:
        new = [NewEvent(now.id, Event.LOSE, actor, now.attempt, data={"worker": now.worker, "crashes": crashes})]
        if move.event is not Event.LOSE:
            new.append(NewEvent(now.id, move.event, actor, now.attempt, data={"goal": move.goal} if move.goal else {}))
        tasks.write_events(connection, new)
        log.warning("rescued", task=str(now.id), attempt=now.attempt, to=str(move.to))
    connection.commit()
    return moved
