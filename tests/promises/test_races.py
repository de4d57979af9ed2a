"""Races, crashes and odd kinds: each test stands just where a promise could break.

Attempts run in this process (`hear`), so that a test can stand exactly where it wants to.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import BaseModel

from tests.kinds import count
from tests.support import send, wait_until
from waystation import reaper, runner, states
from waystation.engine.celery_app import broker_queue, make_app
from waystation.errors import Busy, WaystationError
from waystation.model import Column, State, Task, Verb
from waystation.reaper import Reaper, rescue
from waystation.runner import Shop, hear
from waystation.sdk import Checkpoint, Context, Steps, task
from waystation.sdk.kind import Registry
from waystation.states import Event
from waystation.storage import datasets, tasks, uploads, workers
from waystation.storage.db import Connection
from waystation.storage.files.local import LocalSegment
from waystation.storage.tasks import NewEvent
from waystation.wiring import House

SCRATCH = "CREATE TABLE IF NOT EXISTS public.scratch (task uuid, what text)"
gate = threading.Event()  # a kind of these tests waits for it where it must
reached_gate = threading.Event()


class NoParams(BaseModel):
    """Nothing to say."""


def at_the_gate() -> None:
    reached_gate.set()
    assert gate.wait(20)


@task("review.tail")
def tail(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """Work after the last yield belongs to the end of the task."""
    if cursor == 0:
        yield Checkpoint(cursor=1, done=1, total=1)
    ctx.db.execute("INSERT INTO public.scratch VALUES (%s, 'tail')", (ctx.task,))
    at_the_gate()


@task("review.mid_step", undoable=True)
def mid_step(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """A step that takes its time."""
    ctx.db.execute("INSERT INTO public.scratch VALUES (%s, 'mid step')", (ctx.task,))
    at_the_gate()
    yield Checkpoint(cursor=1, done=1)


@task("review.beside", undoable=True)
def beside(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """Work in a lane that goes on over a yield at which a pause is obeyed."""

    def work(db: Connection) -> None:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            time.sleep(0.01)
            if db.execute("SELECT FROM tasks WHERE id = %s AND state = 'paused'", (ctx.task,)).fetchone() is not None:
                break
        db.execute("INSERT INTO public.scratch VALUES (%s, 'beside')", (ctx.task,))

    at_the_gate()
    ctx.lane().start(work)
    yield Checkpoint(cursor=1, done=1)


@task("review.footer", undoable=True)
def footer(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """A file with a last line that is written after the last yield."""
    out = ctx.open_result("data.csv")
    if cursor == 0:
        out.write(b"body\n")
        yield Checkpoint(cursor=1, done=1, total=1)
    out.write(b"footer\n")
    at_the_gate()


@task("review.early_file", undoable=True)
def early_file(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """A file is made in the first step; the others have nothing to do with it."""
    if cursor == 0:
        ctx.open_result("data.csv").write(b"body\n")
        yield Checkpoint(cursor=1, done=1)
    at_the_gate()
    yield Checkpoint(cursor=2, done=2)


@task("review.poison")
def poison(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """A step that the database connection never survives."""
    if cursor == 0:
        yield Checkpoint(cursor=1, done=1)
    ctx.db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    yield Checkpoint(cursor=2, done=2)


@task("review.nul")
def nul(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """An error whose text PostgreSQL can't hold."""
    yield Checkpoint(cursor=1, done=1)
    raise ValueError("a NUL \x00 stands in this field")


@task("review.fails_once")
def fails_once(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """The first attempt fails while a pause is asked."""
    if ctx.attempt == 1:
        at_the_gate()
        raise RuntimeError("only once")
    yield Checkpoint(cursor=1, done=1)


@task("review.talk")
def talk(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """Three short steps, each with a line for the timeline."""
    at_the_gate()
    for n in range(cursor + 1, 4):
        ctx.log("a step")
        yield Checkpoint(cursor=n, done=n)


@task("review.full_disk", undoable=True)
def full_disk(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """A file on a disk that has no room."""
    out = ctx.open_result("data.csv")
    out.write(b"x")
    hidden: Any = out
    hidden._file.close()
    hidden._file = LocalSegment(Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115
    out.write(b"y")
    yield Checkpoint(cursor=1, done=1)


@task("review.publish", undoable=True)
def publishing(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """Stages an empty batch, and comes to its end."""
    if cursor == 0:
        ctx.stage("published", [Column("n", "bigint")])
        yield Checkpoint(cursor=1, done=1)
    at_the_gate()


@task("review.hides")
def hides(ctx: Context, params: NoParams, cursor: int = 0) -> Steps:
    """Its second step swallows an error of the database."""
    if cursor == 0:
        yield Checkpoint(cursor=1, done=1)
    with suppress(psycopg.Error):
        ctx.db.execute("SELECT 1 / 0")
    yield Checkpoint(cursor=2, done=2)


KINDS = (hides, publishing, tail, mid_step, beside, footer, early_file, poison, nul, fails_once, talk, full_disk, count)


@pytest.fixture
def house(house: House) -> Iterator[House]:
    for kind in KINDS:
        house.registry.add(kind)
    with house.database.transaction() as connection:
        connection.execute(SCRATCH)
    gate.clear()
    reached_gate.clear()
    yield house
    gate.set()


def shop_of(house: House, **changed: Any) -> Shop:
    """A worker's shop in this process; a heartbeat that finds its lease lost says so and ends nothing."""
    shop = Shop(
        database=house.database,
        registry=house.registry,
        files=house.files,
        settings=house.settings,
        worker="here",
        ring=lambda queue: True,
        exit_process=lambda: None,
    )
    return dataclasses.replace(shop, **changed)


def begin(house: House, kind: str, **params: object) -> Task:
    made, _ = house.control.submit(kind, params, actor="ann")
    return made


class Hearing:
    """One attempt in a thread, up to the gate."""

    def __init__(self, shop: Shop) -> None:
        self._thread = threading.Thread(target=hear, args=(shop, "default"))

    def __enter__(self) -> Hearing:
        self._thread.start()
        return self

    def open(self) -> None:
        gate.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def __exit__(self, *_: object) -> None:
        self.open()


def test_a_step_of_an_attempt_that_lost_its_task_is_not_committed(house: House) -> None:
    """Whoever takes a task ends the connections of the attempt; exactness does not hang on that."""
    made = begin(house, "review.mid_step")
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        with house.database.transaction() as connection:
            held = tasks.get(connection, made.id)
            assert held is not None
            assert tasks.shift(connection, held, states.move(State.RUNNING, Event.LOSE, take=True))
        hearing.open()
    with house.database.transaction() as connection:
        assert connection.execute("SELECT FROM public.scratch WHERE task = %s", (made.id,)).fetchall() == []
    assert house.control.get(made.id).state is State.QUEUED


def test_a_pause_waits_for_what_a_lane_is_at(house: House) -> None:
    """Once the task says `paused` nothing of it is under way, and what was under way is in."""
    made = begin(house, "review.beside")
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        house.control.act(Verb.PAUSE, made.id, actor="ann")
        hearing.open()
    assert house.control.get(made.id).state is State.PAUSED
    with house.database.transaction() as connection:
        rows = connection.execute("SELECT what FROM public.scratch WHERE task = %s", (made.id,)).fetchall()
    assert [r["what"] for r in rows] == ["beside"]


def reaper_of(house: House) -> Reaper:
    return Reaper(house.database, house.files, house.settings, house.bell)


def expire(house: House, task: Task) -> None:
    with house.database.transaction() as connection:
        connection.execute("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = %s", (task.id,))


@pytest.mark.parametrize("wish", [Verb.PAUSE, None])
def test_work_after_the_last_yield_is_kept_whatever_was_asked_meanwhile(house: House, wish: Verb | None) -> None:
    """A pause that comes at the end is dropped; what the generator wrote after its last yield must not be dropped with it."""
    made = begin(house, "review.tail")
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        if wish:
            house.control.act(wish, made.id, actor="ann")
        hearing.open()
    assert house.control.get(made.id).state is State.SUCCEEDED
    with house.database.transaction() as connection:
        rows = connection.execute("SELECT what FROM public.scratch WHERE task = %s", (made.id,)).fetchall()
    assert [r["what"] for r in rows] == ["tail"]


def test_a_file_paused_while_it_is_joined_is_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written after the last yield belongs to no checkpoint: a pause during the join must not keep it."""
    monkeypatch.setattr(runner, "TICK", -1.0)
    made = begin(house, "review.footer")
    # First attempt: released after its first step, so that the second must read the file again to join it.
    assert hear(shop_of(house, draining=iter_of(False, True)), "default")
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        house.control.act(Verb.PAUSE, made.id, actor="ann")
        hearing.open()
    assert house.control.get(made.id).state is State.PAUSED
    house.control.act(Verb.RESUME, made.id, actor="ann")
    assert hear(shop_of(house), "default")
    assert house.control.get(made.id).state is State.SUCCEEDED
    assert house.control.result(made.id).read_bytes() == b"body\nfooter\n"


def iter_of(*answers: bool) -> Any:
    """A callable that gives these answers, and the last one for ever."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_a_pause_taken_back_at_the_last_moment_does_not_call_the_file_released(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt goes on: should it lose its lease now, the next one must not share its file."""
    made = begin(house, "review.early_file")
    advance, released = tasks.advance, list[bool]()
    write = runner.Attempt._advance

    def too_late(attempt: Any, move: Any, *rest: Any, **more: Any) -> Any:
        if move is not None and move.event is Event.PAUSE:
            house.control.act(Verb.RESUME, made.id, actor="ann")
        return write(attempt, move, *rest, **more)

    def noted(connection: Any, held: Any, move: Any, **rest: Any) -> Any:
        done = advance(connection, held, move, **rest)
        if done and move is None:
            released.extend(file["released"] for file in held.files.values())
        return done

    monkeypatch.setattr(runner.Attempt, "_advance", too_late)
    monkeypatch.setattr(tasks, "advance", noted)
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        house.control.act(Verb.PAUSE, made.id, actor="ann")
        hearing.open()
    assert house.control.get(made.id).state is State.SUCCEEDED
    assert released
    assert not any(released)


def test_a_join_that_was_left_leaves_no_file_behind(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TICK", -1.0)
    made = begin(house, "generate", rows=30_000)
    assert hear(shop_of(house, draining=iter_of(False, True)), "default")  # a second attempt has to join by reading
    assert hear(shop_of(house, draining=iter_of(False, False, False, True)), "default")  # left while it joins
    assert house.control.get(made.id).state is State.QUEUED
    left = list((house.settings.home / "results" / str(made.id)).glob("*"))
    assert left, "the join had begun: else this test shows nothing"
    assert hear(shop_of(house), "default")
    assert house.control.get(made.id).state is State.SUCCEEDED
    reaper_of(house).pass_once(sweep=True)
    kept = list((house.settings.home / "results" / str(made.id)).glob("*"))
    assert [p.name for p in kept] == [house.control.result(made.id).place.rpartition("/")[2]]


def test_a_file_made_in_an_early_step_is_the_result_whoever_finishes(house: House) -> None:
    made = begin(house, "review.early_file")
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        house.control.act(Verb.PAUSE, made.id, actor="ann")
        hearing.open()
    house.control.act(Verb.RESUME, made.id, actor="ann")
    assert hear(shop_of(house), "default")
    assert house.control.get(made.id).state is State.SUCCEEDED
    assert house.control.result(made.id).read_bytes() == b"body\n"


def test_the_rejects_of_a_dry_run_outlive_the_sweep(house: House) -> None:
    made = send(house, b"n\n1\nx\n", dataset="dry", types={"n": "bigint"}, dry_run=True)
    assert hear(shop_of(house), "default")
    assert [r["value"] for r in house.control.reject_rows(made.id)] == ["x"]
    reaper_of(house).pass_once(sweep=True)
    assert [r["value"] for r in house.control.reject_rows(made.id)] == ["x"]


def test_a_worker_that_does_not_know_the_kind_takes_nothing_back(house: House) -> None:
    """`stopped` says that all was taken back; a worker without the kind can't do that."""
    made = begin(house, "test.count", steps=3, nap=0.0)
    assert hear(shop_of(house), "default")
    assert house.control.get(made.id).state is State.SUCCEEDED
    house.control.act(Verb.UNDO, made.id, actor="ann")
    stranger = shop_of(house, registry=Registry())
    hear(stranger, "default")
    now = house.control.get(made.id)
    with house.database.transaction() as connection:
        rows = connection.execute("SELECT n FROM public.counted WHERE task = %s", (made.id,)).fetchall()
    assert (now.state is State.REVERTING) == bool(rows), f"{now.state} with {len(rows)} rows, leftovers {now.leftovers}"


def test_a_step_that_always_loses_its_connection_fails_in_the_end(house: House) -> None:
    made = begin(house, "review.poison")
    shop = shop_of(house, settings=house.settings.model_copy(update={"crash_cap": 2}))
    for _ in range(6):
        hear(shop, "default")
    now = house.control.get(made.id)
    assert now.state is State.FAILED, f"{now.state} after {now.attempt} attempts, crashes {now.crashes}"


def test_an_error_that_postgresql_cannot_hold_is_told_all_the_same(house: House) -> None:
    made = begin(house, "review.nul")
    with suppress(psycopg.Error):  # the assertion below says it better
        hear(shop_of(house), "default")
    now = house.control.get(made.id)
    assert now.state is State.FAILED
    assert now.error is not None
    assert now.error["code"] == "kind-failed"


def test_a_lease_that_was_renewed_meanwhile_is_left_alone(house: House) -> None:
    """The reaper's list is old by the time it comes to its last task: a healthy attempt's connection must live."""
    made = begin(house, "test.count", steps=3)
    with house.database.connect("ws:claim") as holder:
        held = tasks.claim(holder, queue="default", lease=60, worker="w", message="m")
        assert held is not None
        holder.execute("SELECT set_config('application_name', %s, false)", (f"ws:{held.id}:{held.attempt}",))
        holder.commit()
        expire(house, made)
        with house.database.connect("ws:reaper") as connection:
            [listed] = tasks.expired(connection)
            connection.commit()
            with house.database.connect("ws:beat", autocommit=True) as beat:
                assert tasks.beat(beat, held.id, held.attempt, 60)  # it was only late
            assert rescue(connection, listed, cap=5, actor="reaper") is None
        assert holder.execute("SELECT 1 AS alive").fetchone() == {"alive": 1}


def test_a_locked_row_does_not_keep_the_reaper_from_the_others(house: House) -> None:
    first, second = begin(house, "test.count"), begin(house, "test.count")
    with house.database.connect("ws:claim") as connection:
        for _ in range(2):
            tasks.claim(connection, queue="default", lease=60, worker="w", message="m")
            connection.commit()
    expire(house, first)
    expire(house, second)
    with psycopg.connect(house.database_url) as somebody:
        somebody.execute("SELECT 1 FROM waystation.tasks WHERE id = %s FOR UPDATE", (first.id,))
        thread = threading.Thread(target=reaper_of(house).pass_once)
        thread.start()
        try:
            wait_until(lambda: house.control.get(second.id).state is State.QUEUED, 5)
        finally:
            somebody.rollback()
            thread.join(30)


def test_a_download_is_linked_although_the_worker_died_after_the_commit(house: House) -> None:
    made = begin(house, "generate", rows=10)
    assert hear(shop_of(house), "default")
    link = house.settings.home / "downloads" / f"{made.id}.csv"
    link.unlink()  # as if the worker had been killed between the commit and the link
    reaper_of(house).pass_once(sweep=True)
    assert link.read_bytes() == house.control.result(made.id).read_bytes()


def test_a_task_that_went_on_after_an_error_ends_without_one(house: House) -> None:
    made = begin(house, "review.fails_once")
    with Hearing(shop_of(house)) as hearing:
        assert reached_gate.wait(10)
        house.control.act(Verb.PAUSE, made.id, actor="ann")
        hearing.open()
    assert house.control.get(made.id).state is State.PAUSED
    house.control.act(Verb.RESUME, made.id, actor="ann")
    assert hear(shop_of(house), "default")
    now = house.control.get(made.id)
    assert (now.state, now.error) == (State.SUCCEEDED, None)


def test_an_undo_of_what_terminate_left_leaves_no_leftovers(house: House) -> None:
    made = begin(house, "test.count", steps=20, nap=0.0)
    assert hear(shop_of(house, draining=iter_of(False, False, True)), "default")
    ended = house.control.act(Verb.TERMINATE, made.id, actor="ann")
    assert (ended.state, bool(ended.leftovers)) == (State.TERMINATED, True)
    house.control.act(Verb.UNDO, made.id, actor="ann")
    assert hear(shop_of(house), "default")
    undone = house.control.get(made.id)
    assert (undone.state, undone.leftovers) == (State.UNDONE, [])


def test_one_table_in_use_does_not_stop_the_whole_sweep(house: House) -> None:
    made = send(house, b"n\n1\n", dataset="kept")
    assert hear(shop_of(house), "default")
    export = begin(house, "export", dataset="kept")
    with house.database.transaction() as connection:  # an export that pins it, and is then over
        connection.execute("INSERT INTO pins SELECT %s, id FROM batches", (export.id,))
    house.control.act(Verb.UNDO, made.id, actor="ann")
    house.control.act(Verb.STOP, export.id, actor="ann")
    stray = house.settings.home / "segments" / "00000000-0000-0000-0000-000000000001"
    stray.mkdir(parents=True)
    with house.database.transaction() as connection:
        connection.execute("DELETE FROM pins")
        relation = connection.execute("SELECT relation FROM parts").fetchone()
    assert relation is not None
    with psycopg.connect(house.database_url) as reader:
        reader.execute(f"SELECT count(*) FROM parts.{relation['relation']}")
        with suppress(psycopg.errors.LockNotAvailable):
            reaper_of(house).pass_once(sweep=True)
        assert not stray.exists()


def test_a_healthy_attempt_keeps_its_lease_although_somebody_froze_with_the_events_lock(house: House) -> None:
    """It waits with its own row locked, so that its heartbeat waits behind it: the frozen one must lose the lock in time."""
    made = begin(house, "review.talk")
    with Hearing(shop_of(house)) as hearing, house.database.connect("ws:frozen") as frozen:
        assert reached_gate.wait(10)
        tasks.write_events(frozen, [NewEvent(made.id, "log", "w", 1)])  # and no commit: it has been stopped here
        gate.set()
        looking_until = time.monotonic() + house.settings.lease * 1.5
        listed: list[Task] = []
        with house.database.connect("ws:look", autocommit=True) as look:
            while time.monotonic() < looking_until and not listed:
                listed = tasks.expired(look)
                threading.Event().wait(0.05)
        frozen.close()
        hearing.open()
    assert listed == [], "the reaper would take it"
    assert house.control.get(made.id).state is State.SUCCEEDED


def test_a_full_disk_leaves_no_heartbeat_behind(house: House) -> None:
    made = begin(house, "review.full_disk")
    with suppress(OSError):  # the assertions below say it better
        hear(shop_of(house), "default")
    left = [t for t in threading.enumerate() if t.name == f"heartbeat-{made.id}"]
    now = house.control.get(made.id)
    assert (now.state, (now.error or {}).get("code"), left) == (State.FAILED, "disk-full", [])


def test_the_short_lock_timeout_is_for_the_dataset_alone(house: House) -> None:
    """The 100 ms are meant for readers of the dataset: whoever holds the events' lock longer must not fail a whole import."""
    made = begin(house, "review.publish")
    with Hearing(shop_of(house)) as hearing, psycopg.connect(house.database_url) as slow:
        assert reached_gate.wait(10)
        slow.execute("SELECT pg_advisory_xact_lock(%s::int)", (tasks.EVENTS_LOCK,))
        gate.set()
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
        with house.database.connect("ws:look", autocommit=True) as look:
            wait_until(lambda: look.execute(waiting, (tasks.EVENTS_LOCK,)).fetchone(), 5)
            threading.Event().wait(house.settings.publish_lock_timeout * 3)
        slow.rollback()
        hearing.open()
    now = house.control.get(made.id)
    assert (now.state, now.error) == (State.SUCCEEDED, None)


def test_a_reader_of_old_rejects_does_not_stop_the_reaper(house: House) -> None:
    """Retention drops a table; a long reader (a dump of the database) is in the way: nobody would be rescued meanwhile."""
    made = send(house, b"n\n1\nx\n", dataset="old", types={"n": "bigint"})
    assert hear(shop_of(house), "default")
    with house.database.transaction() as connection:
        connection.execute("UPDATE tasks SET ended_at = now() - interval '31 days' WHERE id = %s", (made.id,))
        [table] = [
            r["relname"]
            for r in connection.execute("SELECT relname FROM pg_class WHERE relname ~ '^r[0-9]+$' AND relkind = 'r'")
        ]
    with psycopg.connect(house.database_url) as dump:
        dump.execute(sql.SQL("SELECT * FROM parts.{}").format(sql.Identifier(table)))

        def sweep() -> None:
            with suppress(psycopg.errors.LockNotAvailable):
                reaper_of(house).pass_once(sweep=True)

        thread = threading.Thread(target=sweep)
        thread.start()
        thread.join(5)
        stuck = thread.is_alive()
        dump.rollback()
        thread.join(30)
    assert not stuck


def test_a_kind_that_hides_an_error_of_the_database_fails_and_keeps_its_checkpoint(house: House) -> None:
    made = begin(house, "review.hides")
    assert hear(shop_of(house), "default")
    now = house.control.get(made.id)
    assert (now.state, now.cursor, now.lease_until) == (State.FAILED, 1, None)
    assert now.error is not None
    assert now.error["code"] == "kind-failed"


def test_a_view_over_a_dataset_does_not_fail_the_next_import(house: House) -> None:
    """After the last batch is undone the next import gives the schema anew; what others built on the table must not fail it."""
    first = send(house, b"n\n1\n", dataset="viewed")
    assert hear(shop_of(house), "default")
    with house.database.transaction() as connection:
        connection.execute("CREATE VIEW public.report AS SELECT count(*) AS n FROM datasets.viewed")
    house.control.act(Verb.UNDO, first.id, actor="ann")
    second = send(house, b"n\n1\n2\n", dataset="viewed")
    assert hear(shop_of(house), "default")
    now = house.control.get(second.id)
    assert (now.state, now.error) == (State.SUCCEEDED, None)
    with house.database.transaction() as connection:
        assert connection.execute("SELECT n FROM public.report").fetchone() == {"n": 2}


def test_an_export_of_a_dataset_without_columns_is_refused_or_empty(house: House) -> None:
    first = send(house, b"n\n1\n", dataset="emptied")
    assert hear(shop_of(house), "default")
    house.control.act(Verb.UNDO, first.id, actor="ann")
    try:
        made = begin(house, "export", dataset="emptied")
    except WaystationError:
        return
    assert hear(shop_of(house), "default")
    assert house.control.result(made.id).read_bytes() == b"", "a blank line is no CSV header"


def test_an_upload_that_is_taken_at_the_last_moment_is_not_swept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with house.control.receive("data.csv", actor="ann") as writer:
        writer.write(b"n\n1\n")
        upload = writer.commit()
    with house.database.transaction() as connection:
        connection.execute("UPDATE uploads SET created_at = now() - interval '2 days'")
    abandoned, made = uploads.abandoned, list[Task]()

    def then_taken(*args: Any, **rest: Any) -> Any:
        found = abandoned(*args, **rest)
        if not made:
            made.append(begin(house, "import", upload=str(upload.id), dataset="late"))
        return found

    monkeypatch.setattr(uploads, "abandoned", then_taken)
    reaper_of(house).pass_once(sweep=True)
    assert hear(shop_of(house), "default")
    assert house.control.get(made[0].id).state is State.SUCCEEDED


# -- promises that are kept, and that no other test would miss ---------------------------------------------------------
def test_a_reaper_holds_nothing_between_two_passes(house: House) -> None:
    frozen, other = reaper_of(house), reaper_of(house)
    assert frozen.pass_once()
    assert other.pass_once(), "the first may be frozen now: the second goes on"
    with house.database.transaction() as connection:
        held = connection.execute(
            "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        )
        assert held.fetchall() == []


def test_a_leader_that_stands_still_in_its_pass_is_no_longer_one(house: House) -> None:
    """Frozen or cut off in the middle of a pass, it loses its election by a timeout of its session."""
    with house.database.connect("ws:reaper:lock", idle_timeout=reaper.LEADER_IDLE) as frozen:
        frozen.execute("SELECT pg_try_advisory_xact_lock(%s::int)", (reaper.LOCK,))
        assert not reaper_of(house).pass_once()
        wait_until(lambda: reaper_of(house).pass_once(), reaper.LEADER_IDLE + 5)
        frozen.close()


def test_only_one_reaper_passes_at_a_time(house: House) -> None:
    with psycopg.connect(house.database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s::int)", (reaper.LOCK,))
        assert not reaper_of(house).pass_once()
    assert reaper_of(house).pass_once()


def test_a_verb_on_a_row_that_stays_locked_says_busy(house: House) -> None:
    made = begin(house, "test.count")
    caught: list[Busy] = []

    def ask() -> None:
        try:
            house.control.act(Verb.PAUSE, made.id, actor="ann")
        except Busy as error:
            caught.append(error)

    with psycopg.connect(house.database_url) as somebody:
        somebody.execute("SELECT 1 FROM waystation.tasks WHERE id = %s FOR UPDATE", (made.id,))
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(house.settings.lock_timeout + 3)
        somebody.rollback()
        thread.join(30)
    assert [(e.status, e.retry_after) for e in caught] == [(503, 2)]


def test_the_end_of_an_attempt_rings_once_if_something_waits(house: House) -> None:
    rung: list[str] = []
    shop = shop_of(house, ring=rung.append)
    for _ in range(3):
        begin(house, "test.count", steps=1, nap=0.0)
    counted = []
    while hear(shop, "default"):
        counted.append(len(rung))
    assert counted == [1, 2, 2]


def _lose_all_rings(house: House) -> None:
    assert house.settings.redis_url
    app = make_app(house.settings.redis_url)
    with app.connection_for_write() as broker:
        broker.default_channel.queue_purge(broker_queue("default"))
    app.close()


def test_the_reaper_rings_for_free_slots_less_the_rings_already_out(house: House) -> None:
    _lose_all_rings(house)  # of an earlier test with the same broker number
    for _ in range(5):
        begin(house, "test.count")
    assert house.bell.pending("default") == 5, "each submission rang"
    with house.database.connect("ws:announce") as connection:
        workers.announce(connection, id="w", host="h", pid=1, slots=3, draining=False)
    reaper_of(house).pass_once()
    assert house.bell.pending("default") == 5
    _lose_all_rings(house)
    for _ in range(2):
        reaper_of(house).pass_once()
    assert house.bell.pending("default") == 3, "all was lost: three slots are free, and one ring each is enough"


def test_a_publish_waits_for_its_dataset_with_the_task_row_free(house: House) -> None:
    """The dataset's lock first, the task's row last: verbs and heartbeats get by while a publish waits."""
    made = begin(house, "review.publish")
    with Hearing(shop_of(house)) as hearing, psycopg.connect(house.database_url) as other:
        assert reached_gate.wait(10)
        other.execute("SELECT pg_advisory_xact_lock(%s::int, hashtext('published'))", (datasets.LOCK,))
        gate.set()
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND NOT granted"
        with house.database.connect("ws:look", autocommit=True) as look:
            wait_until(lambda: look.execute(waiting, (datasets.LOCK,)).fetchone(), 5)
            before = house.control.get(made.id).lease_until
            assert before is not None
            wait_until(lambda: (now := house.control.get(made.id).lease_until) and now > before, 5)
        assert house.control.act(Verb.PAUSE, made.id, actor="ann").state is State.RUNNING, "asked without waiting"
        other.rollback()
        hearing.open()
    assert house.control.get(made.id).state is State.SUCCEEDED


def test_every_move_is_on_the_disk_and_a_link_comes_after_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write_events, told = tasks.write_events, list[tuple[str, str, bool]]()

    def telling(connection: Any, new: Any, **rest: Any) -> None:
        new = list(new)
        if new and new[-1].event in ("succeeded", "interrupted"):
            shown = connection.execute("SHOW synchronous_commit").fetchone()
            links = list((house.settings.home / "downloads").glob("*"))
            told.append((house.control.get(new[-1].task).kind, shown["synchronous_commit"], bool(links)))
        write_events(connection, new, **rest)

    monkeypatch.setattr(tasks, "write_events", telling)
    send(house, b"n\n1\n", dataset="durable")
    begin(house, "generate", rows=10)
    assert hear(shop_of(house, draining=iter_of(False, False, True)), "default")  # released with its first chunk
    assert [hear(shop_of(house), "default") for _ in range(2)] == [True, True]
    assert sorted(told) == [("generate", "on", False), ("import", "on", False), ("import", "on", False)]
    assert list((house.settings.home / "downloads").glob("*"))
