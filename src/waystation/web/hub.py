"""The live stream: one thread a process looks for changed tasks while anybody listens, and hands them to every listener."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from waystation.errors import InvalidRequest, TooManyStreams, WaystationError
from waystation.model import Task
from waystation.web.made import Made
from waystation.web.shapes import TaskOut

log = logging.getLogger("waystation.web.hub")

EVERY = 1.0  # seconds between two looks, and the least between two messages on one stream
HEARTBEAT = 10.0  # seconds of silence after which a comment shows both ends that the other is there
LONGEST = 300.0  # seconds after which a stream ends, and its listener comes again
OVERLAP = timedelta(seconds=5)  # a row is stamped before its commit: what lies so far back is asked for again
FIRST_LOOK = timedelta(minutes=5)  # where a look begins that knows no earlier one; more than clocks differ
CATCH_UP = timedelta(seconds=10)  # what a listener gets that names no place: changes since its page was made
GLANCE = 0.5  # seconds after which a waiting stream looks whether the process is ending

Changes = Callable[[datetime], list[Task]]
Write = Callable[[list[Task], datetime | None], str]


class Listener:
    """What one stream has still to send: the newest of each changed task, so a slow reader costs no more than a fast one."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.pending: dict[UUID, Task] = {}
        self.mark: datetime | None = None


class Hub:
    """Hands changed tasks to all listeners. The thread starts with the first listener and leaves after the last."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._told = Made(lambda task: TaskOut.of(task).model_dump_json())
        self._news = threading.Condition()
        self._listeners: list[Listener] = []
        self._thread: threading.Thread | None = None
        self.ending = False  # a plain flag, since a signal handler sets it: a lock could be held by what it interrupted

    def join(self, cap: int, last_event_id: str | None) -> Listener:
        """A new listener. Raises TooManyStreams beyond `cap` listeners, InvalidRequest for an id that no stream gave."""
        listener = Listener(_since(last_event_id))
        with self._news:
            if len(self._listeners) >= cap or self.ending:
                raise TooManyStreams(f"{len(self._listeners)} live streams are open, and {cap} is the most.")
            self._listeners.append(listener)
        # Joined first, asked after: what changes in between comes by both ways, and never by none.
        try:
            missed = self._every_change(listener.since)
        except BaseException:
            self.leave(listener)
            raise
        with self._news:
            for task in missed:
                _add(listener, task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="live-stream", daemon=True)
                self._thread.start()
        return listener

    def leave(self, listener: Listener) -> None:
        """The stream has ended."""
        with self._news:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def close(self) -> None:
        """End every stream."""
        self.ending = True
        with self._news:
            self._news.notify_all()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=EVERY * 3)

    @property
    def streams(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def stream(
        self,
        listener: Listener,
        gone: Callable[[], bool] = lambda: False,
        *,
        write: Write | None = None,
        every: float | None = None,
        longest: float = LONGEST,
    ) -> Iterator[str]:
        """The text of one stream, until it has lasted `longest` seconds, its reader is `gone`, or the process ends.

        `write` makes the message of changed tasks; it may find that there is nothing to tell. Without it they are sent as JSON.
        It is asked as often as `every` says (seconds) where no task has changed, for what it tells beside the tasks.
        """
        write = write or self.message
        end = time.monotonic() + longest
        sent = spoke = asked = time.monotonic() - EVERY
        try:
            yield "retry: 1000\n\n"
            while not self.ending and time.monotonic() < end and not gone():
                tasks, mark = self._take(listener, not_before=sent + EVERY)
                now = time.monotonic()
                due = bool(tasks) or (every is not None and now - asked >= every)
                asked = now if due else asked
                said = write(tasks, mark) if due else ""
                if said:
                    sent = spoke = now
                    yield said
                elif now - spoke >= HEARTBEAT:
                    spoke = now
                    yield ": alive\n\n"
        finally:
            self.leave(listener)

    def message(self, tasks: list[Task], mark: datetime | None) -> str:
        """One event with all changed tasks; its id is the time up to which everything has been sent."""
        return f"{place(mark)}event: tasks\ndata: [{','.join(self._told.of(tasks))}]\n\n"

    def _take(self, listener: Listener, *, not_before: float) -> tuple[list[Task], datetime | None]:
        """What is pending, once there is something and it is time; nothing after a glance's wait."""
        with self._news:
            early = not_before - time.monotonic()
            if early > 0 or not listener.pending:
                self._news.wait(min(early, GLANCE) if early > 0 else GLANCE)
            if not listener.pending or time.monotonic() < not_before:
                return [], None
            tasks, listener.pending = list(listener.pending.values()), {}
            return tasks, listener.mark

    def _run(self) -> None:
        since = datetime.now(UTC) - FIRST_LOOK
        seen: dict[UUID, int] = {}
        first = True
        while True:
            with self._news:
                if self.ending or not self._listeners:
                    self._thread = None
                    return
            began = time.monotonic()
            try:
                changed = self._every_change(since - OVERLAP)
            except (WaystationError, psycopg.Error) as error:
                log.warning("the live stream can't look for changes and tries again: %s", error)
                changed = []
            fresh = [t for t in changed if seen.get(t.id) != t.version]
            if changed:
                seen = {t.id: t.version for t in changed}
                since = max(since, changed[-1].updated_at)
            with self._news:
                for listener in self._listeners:
                    for task in fresh:
                        if not first or task.updated_at > listener.since:  # the first look reaches far back
                            _add(listener, task)
                first = False
                self._news.notify_all()
                self._news.wait_for(lambda: self.ending, max(0.0, EVERY - (time.monotonic() - began)))

    def _every_change(self, since: datetime) -> list[Task]:
        """All changes since then: one question tells of a limited number only."""
        found = page = self._changes(since)
        while page and not self.ending:
            page = self._changes(page[-1].updated_at)
            found = found + page
        return found


def place(mark: datetime | None) -> str:
    """The line of an event that says up to which time everything has been sent."""
    return f"id: {int(mark.timestamp() * 1_000_000)}\n" if mark else ""


def _add(listener: Listener, task: Task) -> None:
    old = listener.pending.get(task.id)
    if old is None or old.version < task.version:
        listener.pending[task.id] = task
    if listener.mark is None or listener.mark < task.updated_at:
        listener.mark = task.updated_at


def _since(last_event_id: str | None) -> datetime:
    if not last_event_id:
        return datetime.now(UTC) - CATCH_UP
    try:
        return datetime.fromtimestamp(int(last_event_id) / 1_000_000, UTC) - OVERLAP
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRequest("Last-Event-ID must be the id of an event of this stream.") from error
