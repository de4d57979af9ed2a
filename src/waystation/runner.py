"""One attempt: claim a task, drive its kind step by step, and leave it in the right state whatever happens."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from pydantic import BaseModel

from waystation import rights, states, tracing
from waystation.csvio.limits import FileLimits
from waystation.csvio.packing import Limits
from waystation.errors import BaseChanged, KindFailed, LeaseLost, StepTooLong, StorageUnavailable, WaystationError, crash_loop
from waystation.heartbeat import Heartbeat
from waystation.model import Goal, JsonValue, State, Task
from waystation.sdk.context import CALL_TIMEOUT, Context
from waystation.sdk.effects import Effects, TableBook
from waystation.sdk.kind import Kind, Registry, Run
from waystation.sdk.lease import Lease
from waystation.sdk.result import Result
from waystation.sdk.retry import Retry
from waystation.sdk.reversal import reversal
from waystation.sdk.steps import Checkpoint, Finished, Left, Steps, drive, plain
from waystation.secret import Mask, whole
from waystation.settings import Settings
from waystation.states import Event
from waystation.storage import datasets, effects, holdings, tasks
from waystation.storage.db import Connection, Database, attempt_name, end_backends, run
from waystation.storage.files import Files
from waystation.storage.tasks import Held, NewEvent

log = structlog.get_logger("waystation.runner")

UNDO_TRIES = 8  # after so many failures in a row, an outside effect that can't be taken back is named as left over
LONGEST_BACKOFF = 60.0
STORAGE_AWAY = Retry(
    on=StorageUnavailable, times=10, first=2.0, longest=LONGEST_BACKOFF
)  # five minutes, whatever the kind says
UNKNOWN_KIND = 5.0  # seconds until another worker may know the kind
TICK = 0.5  # seconds between two looks at the wish during work that has no steps
LOOK_EVERY = 0.2  # seconds between two looks at who waits for a slot


@dataclass(frozen=True)
class Shop:
    """What every attempt of one worker process works with."""

    database: Database
    registry: Registry
    files: Files
    settings: Settings
    worker: str
    ring: Callable[[str], object]
    draining: Callable[[], bool] = lambda: False
    exit_process: Callable[[], None] | None = None  # what a heartbeat does when its attempt outlives the lease
    at_step: Callable[[bool], None] = lambda saved: None  # called before and after each checkpoint is saved; for tests of kinds


def hear(shop: Shop, queue: str, message: str = "") -> bool:
    """Answer one ring: claim the best task that waits in the queue and run one attempt of it. False if nothing waited.

    When the attempt is over, the queue is rung again if something still waits there.
    """
    if shop.draining():
        return False
    with shop.database.connect("ws:claim") as connection:
        task = tasks.claim(connection, queue=queue, lease=shop.settings.lease, worker=shop.worker, message=message)
        if task is None:
            return False
        if rights.held_back(task) and (why := rights.lost(connection, task.created_by, task.kind, task.dataset)):
            connection.rollback()
            _refuse(shop, connection, task.id, why)
            _ring_if_waiting(shop, queue)
            return True
        name = attempt_name(task.id, task.attempt)
        run(connection, "SELECT set_config('application_name', %(name)s, false)", name=name)
        claimed = NewEvent(task.id, Event.CLAIM, shop.worker, task.attempt, data={"state": task.state})
        tasks.write_events(connection, [claimed])
        connection.commit()
        with (
            structlog.contextvars.bound_contextvars(task=str(task.id), attempt=task.attempt, kind=task.kind),
            tracing.attempt(str(task.id), task.attempt, task.kind, lambda: _submission(connection, task)),
        ):
            Attempt(shop, connection, task).run()
    _ring_if_waiting(shop, queue)
    return True


def _refuse(shop: Shop, connection: Connection, id: UUID, why: str) -> None:
    """It is not begun, but stopped; unless somebody has asked for something else of it meanwhile."""
    if (task := tasks.get(connection, id)) is not None and task.state is State.QUEUED:
        timeout = shop.settings.publish_lock_timeout
        rights.refuse(connection, shop.files, task, why, actor=shop.worker, lock_timeout=timeout)
    connection.commit()


def _submission(connection: Connection, task: Task) -> dict[str, str]:
    """What was traced when the task was submitted: it is kept with the first line of its timeline."""
    first = tasks.events(connection, task.id, limit=1)
    connection.commit()
    return {
        name: str(value) for name, value in (first[0].data if first else {}).items() if name in ("traceparent", "tracestate")
    }


def _ring_if_waiting(shop: Shop, queue: str) -> None:
    try:
        with shop.database.connect("ws:ring", autocommit=True) as connection:
            waiting = tasks.waits(connection, queue)
    except psycopg.OperationalError:
        return  # the reaper rings when the database is back
    if waiting:
        shop.ring(queue)


class Attempt:
    """One run of a task. It owns the connection of the steps; whatever it writes, it writes as the holder of the lease."""

    def __init__(self, shop: Shop, connection: Connection, task: Task) -> None:
        self.shop, self.connection, self.task = shop, connection, task
        self.held = Held.of(task)
        self.began = self.last = time.monotonic()
        self.saved_cursor = task.cursor if task.state is State.RUNNING else task.revert_cursor
        self.looked = self.began
        self.control_seconds = 0.0  # spent in checkpoint, lease and wish statements
        self.waiting_priority: int | None = None
        self.better_waits_since: float | None = None
        self.in_its_place = False  # this writes for an attempt that hangs, and may wake
        self.gave_up = False  # a part of what the kind says about taking back was tried often enough
        self.lease = Lease(shop.settings.lease, shop.settings.heartbeat, lambda: self.heartbeat.now())
        self.heartbeat = Heartbeat(
            shop.database, task.id, task.attempt, shop.settings, self.lease, shop.exit_process, self._end_step
        )
        kind = shop.registry.find(task.kind)
        remembers = kind is not None and kind.reversing is not None and task.state is State.RUNNING
        self.book = TableBook(task.id, task.attempt, self._connect, lambda: self.connection)
        self.ctx = Context(
            task=task.id,
            attempt=task.attempt,
            kind=task.kind,
            db=connection,
            state=task.state,
            files=shop.files,
            known_files=task.files,
            effects=Effects(task.id, self.book, self.lease, kind.call_timeout if kind else CALL_TIMEOUT, remembers=remembers),
            retry=kind.retry if kind else None,
            chunk_rows=shop.settings.chunk_rows,
            unpack_limits=Limits(shop.settings.max_unpacked, shop.settings.max_unpack_ratio),
            file_limits=FileLimits(shop.settings.max_rows, shop.settings.max_columns, shop.settings.max_record),
            connect=lambda: shop.database.connect(attempt_name(task.id, task.attempt), autocommit=True),
            draining=shop.draining,
        )

    def _connect(self) -> Connection:
        return self.shop.database.connect(attempt_name(self.task.id, self.task.attempt))

    def run(self) -> None:
        """From the claim to the end of the attempt. Never raises for what happens to the task."""
        self.heartbeat.start()
        try:
            try:
                if self.held.state is State.RUNNING:
                    self._work()
                else:
                    self._take_back()
            except LeaseLost:
                log.warning("lease lost")
                tracing.failed("lease lost")
                if not self.connection.broken:
                    self.connection.rollback()  # or its step would be committed as the connection is closed
            except psycopg.Error as error:
                if not self._cut_off():
                    raise
                log.warning("connection lost", error=str(error))
                self._release_after_trouble()
            finally:
                self.ctx.close()
                self.book.close()
        finally:
            self.heartbeat.stop()

    def _cut_off(self) -> bool:
        """Whether a connection of this attempt is gone."""
        return self.connection.broken or self.connection.closed or self.ctx.cut_off

    # -- the two phases
    def _work(self) -> None:
        try:
            while True:
                if self.held.result is None:
                    kind = self.shop.registry.get(self.task.kind)
                    end = self._drive(kind, kind.run, self._params(kind), self.held.cursor)
                    if not isinstance(end, Finished) or not self._mark_finished(end.value):
                        return
                try:
                    self._finish()
                except BaseChanged:
                    # Its batch was merged with what readers saw a moment ago: the kind itself sees what is to be done again.
                    self._read_again()
                    self.held.result = None
                else:
                    return
        except LeaseLost:
            raise
        except Exception as error:
            if self._cut_off():
                raise psycopg.OperationalError("the connection is gone") from error
            self._fail(error)

    def _params(self, kind: Kind) -> BaseModel:
        """The parameters with their secrets, which from now on are masked in all that is written of this task."""
        secrets = tasks.secrets(self.connection, self.task.id)
        self.ctx.mask = Mask(secrets)
        return kind.parse(whole(self.task.params, secrets))

    def _drive(self, kind: Kind, function: Run, params: BaseModel, cursor: JsonValue) -> Finished | Left:
        """Step by step, each within the kind's time for a step."""
        beat = self.heartbeat

        def save(point: Checkpoint) -> bool:
            beat.step_began = time.monotonic()
            self.shop.at_step(False)
            going_on = self._save(point)
            self.shop.at_step(True)
            beat.step_began = time.monotonic()
            return going_on

        beat.step_timeout, beat.step_began = kind.step_timeout, time.monotonic()
        try:
            return drive(kind.begin(function, self.ctx, params, cursor), save)
        finally:
            beat.step_began = None

    def _end_step(self) -> None:
        """The heartbeat says that a step takes too long. It can't be interrupted: the task is taken from it, and ended or given
        back in its place, as if the step had raised StepTooLong."""
        name = attempt_name(self.task.id, self.task.attempt)
        with self.shop.database.connect(name) as connection:
            end_backends(connection, name)  # what the step holds is let go of; it can commit no more
            late = Attempt(self.shop, connection, self.task)
            late.in_its_place = True
            late.ctx.mask = self.ctx.mask
            late._fail_in_its_place()

    def _fail_in_its_place(self) -> None:
        kind = self.shop.registry.get(self.task.kind)
        try:
            self._read_again()
            h = self.held
            done, at = (h.done, h.cursor) if h.state is State.RUNNING else (h.revert_done, h.revert_cursor)
            error = StepTooLong(f"A step did not yield within {kind.step_timeout:g} s: {h.unit} {done}, cursor {at}.")
            if self.held.state is State.RUNNING:
                self._fail(error)
            elif self._give_up_undo(error):
                self._write(Event.RELEASE)
        except LeaseLost:
            log.warning("lease lost")

    def _take_back(self) -> None:
        """Stop, terminate or undo: what the kind says about it (never for a terminate), then what Waystation itself holds."""
        kind = self.shop.registry.find(self.task.kind)
        if self.held.goal is not Goal.TERMINATED:
            if kind is None:
                # Whether it has code of its own for it, only a worker that knows it can say.
                self.ctx.log("this worker does not know the kind", kind=self.task.kind)
                self._write(Event.RELEASE, delay=UNKNOWN_KIND, why="its kind is not known to this worker")
                return
            if not self._undo(kind):
                return
        assert self.held.goal is not None
        self.connection.rollback()
        undone = self.held.goal is Goal.UNDONE
        self.held.files, self.held.counts = {}, {}
        self.held.result = holdings.without_file(self.held.result) if undone else None
        own_undo = kind is None or kind.undo_steps is not None
        given_up = self.held.leftovers
        try:
            self._write(states.END[self.held.goal], work=lambda: self._let_go(given_up, own_undo=own_undo))
        except StorageUnavailable as error:
            self._read_again()
            self._write(Event.RELEASE, delay=LONGEST_BACKOFF / 4, why=error.detail)

    def _let_go(self, given_up: list[JsonValue], *, own_undo: bool) -> None:
        """In the transaction of the end: note what is left outside, and let go of the rest."""
        h = self.held
        if h.goal is Goal.TERMINATED:
            h.leftovers = holdings.left_standing(self.connection, self.task, own_undo=own_undo)
        else:
            outside = effects.tally(self.connection, h.id)
            h.counts = {"reversed": outside.reversed, "left": outside.left} if outside.total else {}
            mask = Mask(tasks.secrets(self.connection, h.id))
            h.leftovers = [*given_up, *mask(effects.untaken(self.connection, h.id))]
        holdings.release(self.connection, self.shop.files, h.id, lock_timeout=self.shop.settings.publish_lock_timeout)

    def _undo(self, kind: Kind) -> bool:
        """What the kind says about taking back, effects outside first; False when it was left before its end."""
        how = kind.reversing
        if how is not None and self.book.tally().standing:

            def back(ctx: Context, params: BaseModel, cursor: JsonValue = None) -> Steps:
                return reversal(ctx, params, how)

            if not self._run_back(kind, back, None):
                return False
        if kind.undo_steps is not None and not self._run_back(kind, kind.undo_steps, self.held.revert_cursor):
            return False
        if not self.gave_up:
            self.held.leftovers = []  # what an earlier terminate left standing is gone now
        return True

    def _run_back(self, kind: Kind, steps: Run, cursor: JsonValue) -> bool:
        """One part of the taking back; False when it was left before its end."""
        if self.held.tries >= UNDO_TRIES:  # its last try was ended from outside
            self.gave_up, self.held.tries = True, 0
            return True
        try:
            end = self._drive(kind, steps, self._params(kind), cursor)
        except LeaseLost:
            raise
        except Exception as error:
            if self._cut_off():
                raise psycopg.OperationalError("the connection is gone") from error
            return self._give_up_undo(error)
        return isinstance(end, Finished)

    def _give_up_undo(self, error: Exception) -> bool:
        """Try the undo again later; True when it was tried often enough, and what is left is written down."""
        self._read_again()
        self.held.tries += 1
        said = {"why": self.ctx.mask(f"{type(error).__name__}: {error}"), "tries": self.held.tries}
        self.ctx.log("undo failed", **said)
        if self.held.tries >= UNDO_TRIES:
            self.held.leftovers = [*self.held.leftovers, said]
            self.gave_up = True
            self.held.tries = 0 if not self.in_its_place else self.held.tries
            return True
        self._write(Event.RELEASE, delay=_backoff(self.held.tries))
        return False

    # -- checkpoints
    def _save(self, point: Checkpoint) -> bool:
        """Keep a checkpoint with the step's work; False when the task is no longer to be worked on."""
        h = self.held
        cursor = plain(point.cursor, "cursor")
        if h.state is State.REVERTING:
            h.revert_cursor = h.revert_cursor if cursor is None else cursor
            h.revert_done = h.revert_done if point.done is None else point.done
            h.revert_total = h.revert_total if point.total is None else point.total
        else:
            self._measure(point)
            h.cursor = h.cursor if cursor is None else cursor
            total = self.ctx.total if point.total is None else point.total
            h.total = h.total if total is None else total
            h.unit = point.unit or h.unit
            h.phase = point.phase or h.phase
        h.counts = {**h.counts, **self.ctx.counts, **point.counts}
        if cursor is not None and cursor != self.saved_cursor:
            h.crashes, h.tries, self.saved_cursor = 0, 0, cursor
        h.files = self.ctx.save_files()
        why, delay = self._reason_to_leave(self.ctx.take_delay(), keep_slot=point.keep_slot)
        return self._write(Event.RELEASE if why else None, delay=delay, why=why, holds=point.holds) is None

    def _measure(self, point: Checkpoint) -> None:
        now = time.monotonic()
        if point.done is not None and point.done != self.held.done:
            latest = max(0.0, (point.done - self.held.done) / max(now - self.last, 1e-6))
            known = self.held.rate if point.unit in (None, self.held.unit) else None  # what is counted is another thing now
            self.held.rate = latest if known is None else 0.7 * known + 0.3 * latest
            self.held.done = point.done
        self.last = now

    def _reason_to_leave(self, delay: float | None, *, keep_slot: bool = False) -> tuple[str | None, float | None]:
        """Why the slot should be given back at this yield, if it should, and for how many seconds at least."""
        if self.shop.draining():
            return "the worker is asked to end", None
        if delay is not None:
            return "it asked to come again later", delay
        now = time.monotonic()
        if self.held.state is State.RUNNING and not keep_slot:
            if self.better_waits_since is not None and now - self.better_waits_since > TICK:
                return "something more urgent waits for a slot", 0.0
            same = self.waiting_priority is not None and self.waiting_priority >= self.task.priority
            if same and now - self.began > self.shop.settings.slice:
                return "others wait, and its slice is over", 0.0
        return None, None

    def _notice(self, seen: tasks.Advanced) -> None:
        """Who waits. What waits for TICK finds no free slot: then this one is for it."""
        self.waiting_priority = seen.waiting_priority
        better = seen.waiting_priority is not None and seen.waiting_priority > self.task.priority
        if not (better or seen.revert_waits):
            self.better_waits_since = None
        elif self.better_waits_since is None:
            self.better_waits_since = time.monotonic()

    def _write(
        self,
        event: Event | None,
        *,
        delay: float | None = None,
        why: str | None = None,
        work: Callable[[], None] | None = None,
        mark: bool = False,
        holds: bool = False,
    ) -> states.Move | None:
        """The one write of a holder: checkpoint, or the move that `event` and the wish together ask for, and the commit.

        `work` belongs to the event: it is done in the same transaction, and not at all when the wish wins. `mark`: obey as at
        `event`, but stay (the end of the work is noted before its publish). `holds`: the kind sees to what is asked itself, and
        yields once more then; the wish stays, and nothing is written now. The move that was made comes back, None when the
        task goes on. Raises LeaseLost when another has the task.
        """
        tries = 0
        while True:
            move = states.obey(self.held.situation, event)
            if holds and move is not None:
                self.held.wish = None  # it is looked for anew at the next write: it may be taken back by then
                return None
            meant = move is not None and move.event is event
            if mark and meant:
                move = None
            if move is not None:
                self.ctx.calls.settle()
                self.ctx.rest()  # whoever has the task next finds no lane of this attempt at work
            try:
                if work is not None and meant:
                    work()
            except psycopg.errors.LockNotAvailable:  # a reader is in the way: never queue before others behind it
                self.connection.rollback()
                tries += 1
                self.heartbeat.wait(min(0.02 * 2 ** min(tries, 6), 1.0))
                self._look()
                if self.shop.draining():
                    event, work, why = Event.RELEASE, None, "the worker is asked to end"
                continue
            look = move is None and time.monotonic() - self.looked > LOOK_EVERY
            kept = self.ctx.effects.answers()
            effects.keep(self.connection, self.task.id, kept)
            asked, length = time.monotonic(), self.lease.length
            advanced = self._advance(move, why if meant else None, delay if meant else None, lease=length, look=look)
            if advanced is not None:
                break
            if work is not None and meant:
                self.connection.rollback()
            self._look()
        self.connection.commit()
        self.held.wish = None
        self.ctx.take_logs()
        self.ctx.effects.kept(kept)
        if move is None:
            self.lease.renewed(asked, length)
        else:
            tracing.tell(event=str(move.event))
        if look:
            self.looked = time.monotonic()
            self._notice(advanced)
        return move

    def _advance(
        self, move: states.Move | None, why: str | None, delay: float | None, *, lease: float, look: bool
    ) -> tasks.Advanced | None:
        """The guarded UPDATE with its lines of the timeline, ready to be committed; None if somebody was first."""
        held = self.held
        if move is not None and move.event in (Event.RELEASE, Event.PAUSE) and not self.in_its_place:
            # Given back of its own will: the next attempt may go on in the same files.
            held = replace(held, files={name: {**f, "released": True} for name, f in held.files.items()})
        if move is not None and move.event is Event.REVERT:
            held = replace(held, tries=0)
        before = time.monotonic()
        advanced = tasks.advance(self.connection, held, move, lease=lease, delay=delay, look=look)
        self.control_seconds += time.monotonic() - before
        if advanced is not None:
            if move is not None:
                self.connection.execute("SET LOCAL synchronous_commit = on")
                self.heartbeat.leaving = True
            tasks.write_events(self.connection, self._told(move, why))
        return advanced

    def _look(self) -> None:
        """See what was asked meanwhile; LeaseLost if the task is another's now."""
        row = tasks.get(self.connection, self.task.id)
        if row is None or row.attempt != self.held.attempt or not row.held or row.state is not self.held.state:
            raise LeaseLost
        self.held.wish, self.held.goal = row.wish, row.goal

    def _told(self, move: states.Move | None, why: str | None) -> list[NewEvent]:
        h = self.held
        new = [
            NewEvent(h.id, "log", self.shop.worker, h.attempt, data=self.ctx.mask({"text": text, **data}))
            for text, data in self.ctx.logs()
        ]
        if move is not None:
            data: dict[str, JsonValue] = {
                "done": h.done,
                "seconds": round(time.monotonic() - self.began, 3),
                "control_seconds": round(self.control_seconds + self.heartbeat.seconds + self.ctx.control_seconds, 3),
            }
            if move.goal:
                data["goal"] = move.goal
            if move.event is Event.FAIL and h.error:
                data["error"] = h.error.get("detail")
            new.append(NewEvent(h.id, move.event, self.shop.worker, h.attempt, reason=why, data=data))
        return new

    # -- ends
    def _mark_finished(self, value: Any) -> bool:
        """The generator came to its end: keep what it did since its last yield, once, with what it returned.

        Whoever goes on from here joins and publishes, and never runs the kind again. A pause is dropped now, unless there
        are files still to be joined, which takes its time.
        """
        facts = self.ctx.mask(plain(value, "result")) if value is not None else {}
        self.held.result = facts if isinstance(facts, dict) else {"value": facts}
        self.held.counts = {**self.held.counts, **self.ctx.counts}
        self.held.files = self.ctx.save_files()
        if self.held.files:
            return self._write(None) is None
        return self._write(Event.FINISH, mark=True) is None

    def _finish(self) -> None:
        """Join the file, if there is one; then publish and succeed in one transaction."""
        h = self.held
        assert h.result is not None
        facts = dict(h.result)
        for name in (n for n, f in h.files.items() if not f.get("draft")):
            file = self._join(self.ctx.open_result(name))
            if file is None:
                return  # paused, stopped or given back meanwhile
            facts["file"] = file
        kept_until = datetime.now(UTC) + timedelta(days=self.shop.settings.retention_days)
        facts["expires"] = kept_until.isoformat(timespec="seconds").replace("+00:00", "Z")
        h.result, h.error = facts, None
        if h.total is None or h.total < h.done:
            h.total = h.done
        move = self._write(Event.FINISH, work=self._publish)
        if move is not None and move.event is Event.FINISH and h.files:
            self.shop.files.settle(self.task.id, facts["file"]["path"])

    def _publish(self) -> None:
        datasets.publish(self.connection, self.task.id, lock_timeout=self.shop.settings.publish_lock_timeout)
        datasets.unpin(self.connection, self.task.id)

    def _join(self, result: Result) -> dict[str, JsonValue] | None:
        segments = [(int(n), int(size)) for n, size in result.describe()["segments"]]
        looked = time.monotonic()
        left = False

        def tick(_bytes: int) -> None:
            nonlocal looked, left
            if time.monotonic() - looked > TICK:
                looked = time.monotonic()
                why, delay = self._reason_to_leave(None)
                left = self._write(Event.RELEASE if why else None, delay=delay, why=why) is not None
                if left:
                    raise _LeftError

        try:
            path, size, sha256 = self.shop.files.join(
                self.task.id, self.held.attempt, result.name, segments, result.sha256, tick, result.media_type
            )
        except _LeftError:
            return None
        return {
            "path": path,
            "name": result.name,
            "size": size,
            "sha256": sha256,
            "media_type": result.media_type,
        }

    def _fail(self, error: Exception) -> None:
        self._read_again()
        kind = self.shop.registry.find(self.task.kind)
        retry = STORAGE_AWAY if isinstance(error, StorageUnavailable) else kind.retry if kind is not None else None
        if retry is not None and retry.meant(error) and self.held.tries < retry.times:
            self.held.tries += 1
            delay = retry.delay(self.held.tries)
            why = f"{type(error).__name__}: {error}; try {self.held.tries} of {retry.times} comes in {delay:.3g} s."
            why = self.ctx.mask(why)
            self._write(Event.RELEASE, delay=delay, why=why)
            return
        if isinstance(error, WaystationError):
            problem = error.problem()
        else:
            log.warning("kind failed", exception=self.ctx.mask("".join(traceback.format_exception(error))))
            problem = KindFailed(f"{type(error).__name__}: {error}").problem()
            problem["traceback"] = "".join(traceback.format_exception(error)[-8:])[-4000:]
        self.held.error = tasks.storable(self.ctx.mask(problem))
        tracing.failed(problem["code"])
        self._write(Event.FAIL)

    def _read_again(self) -> None:
        """Forget what the failed step had in memory: the row is the truth."""
        self.connection.rollback()
        self._look()
        row = tasks.get(self.connection, self.task.id)
        assert row is not None
        self.held = Held.of(row)

    def _release_after_trouble(self) -> None:
        """The connection broke: if the database is back before the lease runs out, give the task back at once.

        It counts as a crash, so that a step which always breaks it comes to an end; the next checkpoint forgets it.
        """
        until = time.monotonic() + self.shop.settings.lease
        why = "its connection to the database was lost"
        while time.monotonic() < until:
            try:
                with self.shop.database.connect(attempt_name(self.task.id, self.task.attempt)) as self.connection:
                    self._read_again()
                    self.held.crashes += 1
                    if self.held.state is State.RUNNING and self.held.crashes >= self.shop.settings.crash_cap:
                        self.held.error = crash_loop(self.task.unit, self.held.done, self.held.cursor, self.held.crashes)
                        self._write(Event.FAIL, why=why)
                    else:
                        self._write(Event.RELEASE, why=why)
                    return
            except LeaseLost:
                return
            except psycopg.OperationalError:
                self.heartbeat.wait(0.2)


class _LeftError(Exception):
    """The join was left because the task is no longer this attempt's to work on."""


def _backoff(tries: int) -> float:
    return float(min(2.0**tries * 0.5, LONGEST_BACKOFF))
