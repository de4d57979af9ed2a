"""Races in storage: files of attempts that come back from the dead, locks of the frozen, claims and verbs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support import wait_until
from waystation import states
from waystation.model import State, Task, Verb
from waystation.sdk.result import Result
from waystation.states import Event
from waystation.storage import tasks
from waystation.storage.db import Connection
from waystation.storage.files import LocalFiles
from waystation.storage.tasks import Held, NewEvent
from waystation.wiring import House


@pytest.fixture
def db(house: House) -> Iterator[Connection]:
    with house.database.connect("ws:test") as connection:
        yield connection


def put(connection: Connection) -> Task:
    made = tasks.insert(
        connection,
        id=uuid4(),
        kind="k",
        queue="default",
        priority=0,
        params={},
        dataset=None,
        undoable=True,
        unit="steps",
        created_by="ann",
        idempotency_key=None,
        request_hash="",
    )
    assert made is not None
    connection.commit()
    return made


def take(connection: Connection, lease: float = 60) -> Task:
    found = tasks.claim(connection, queue="default", lease=lease, worker="w", message="m")
    connection.commit()
    assert found is not None
    return found


def rescued_description(db: Connection, saved: dict[str, Any]) -> dict[str, Any]:
    """What the third attempt is told of a file: the first gave its task back, the second lost its lease at once."""
    put(db)
    first = Held.of(take(db))
    first.files = {"data.csv": {**saved, "released": True}}
    assert tasks.advance(db, first, states.move(State.RUNNING, Event.RELEASE), lease=60)
    db.commit()
    second = take(db)
    db.execute("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = %s", (second.id,))
    assert tasks.shift(db, second, states.move(State.RUNNING, Event.LOSE), expired=True)
    db.commit()
    known: dict[str, Any] = take(db).files["data.csv"]
    return known


@pytest.mark.parametrize("frozen", ["before it opened its file", "with its file open"])
def test_an_attempt_that_comes_back_from_the_dead_harms_no_file(db: Connection, tmp_path: Path, frozen: str) -> None:
    """1 gives its task back; 2 is frozen and loses its lease before its first checkpoint; 3 goes on; 2 wakes."""
    files, task = LocalFiles(tmp_path), uuid4()

    def opened(attempt: int, known: dict[str, Any] | None) -> Result:
        return Result(files, task, attempt, "data.csv", known, "text/csv")

    first = opened(1, None)
    first.write(b"one,")
    first.flush()
    first.close()
    saved = {**first.describe(), "released": True}
    second = opened(2, saved) if frozen == "with its file open" else None

    third = opened(3, rescued_description(db, saved))
    third.write(b"three,")
    third.flush()

    second = second or opened(2, saved)  # it wakes …
    second.write(b"ZOMBIE")
    second.flush()
    second.close()

    third.write(b"end")
    third.flush()
    third.close()
    segments = [(int(n), int(size)) for n, size in third.describe()["segments"]]
    path, _, _ = files.join(task, 3, "data.csv", segments, None, lambda done: None)
    assert (tmp_path / path).read_bytes() == b"one,three,end"


@pytest.mark.parametrize("lock", ["events", "claims"])
def test_a_frozen_writer_does_not_stop_everybody_for_long(house: House, db: Connection, lock: str) -> None:
    """These two locks are the whole system's: whoever freezes with one must lose it before healthy leases run out."""
    made = put(db)

    def work(connection: Connection) -> None:
        if lock == "events":
            tasks.write_events(connection, [NewEvent(made.id, "log", "w", 1)])
        else:
            tasks.claim(connection, queue="default", lease=60, worker="w", message="m")

    with house.database.connect("ws:frozen") as frozen:
        work(frozen)  # and no commit: its process has been stopped here
        db.execute("SELECT set_config('lock_timeout', %s, false)", (f"{int(house.settings.lease * 1500)}ms",))
        db.commit()
        work(db)
        db.commit()
        frozen.close()


def test_our_sessions_notice_a_client_that_is_gone_whoever_runs_the_server(house: House) -> None:
    with house.database.connect("ws:test") as connection:
        found = connection.execute("SELECT source FROM pg_settings WHERE name = 'client_connection_check_interval'").fetchone()
    assert found is not None
    assert found["source"] == "client"


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.STOP])
def test_a_verb_that_comes_between_a_claims_look_and_its_lock_wins(
    house: House, db: Connection, monkeypatch: pytest.MonkeyPatch, verb: Verb
) -> None:
    """The claim's statement sees a queued task, and locks it only after a verb has moved it: it must claim nothing.

    An advisory lock within the statement stands for the time that sorting a long queue takes.
    """
    made, sorting = put(db), "coalesce(busy.running, 0)"
    assert tasks.SQL["best"].count(sorting) == 1
    gated = tasks.SQL["best"].replace(sorting, f"{sorting} + (SELECT count(*) FROM gate)")
    gated = gated.replace(
        "WITH RECURSIVE people AS (",
        "WITH RECURSIVE gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7)), people AS (",
        1,
    )
    monkeypatch.setitem(tasks.SQL, "best", gated)
    claimed: list[Task | psycopg.Error | None] = []

    def claim() -> None:
        with house.database.connect("ws:claim") as connection:
            try:
                claimed.append(tasks.claim(connection, queue="default", lease=60, worker="w", message="m"))
            except psycopg.Error as error:
                claimed.append(error)
                connection.rollback()

    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
    with house.database.connect("ws:gate") as gate, house.database.connect("ws:look", autocommit=True) as look:
        gate.execute("SELECT pg_advisory_xact_lock(7)")
        thread = threading.Thread(target=claim)
        thread.start()
        wait_until(lambda: look.execute(waiting).fetchone())
        moved = house.control.act(verb, made.id, actor="ann")
        gate.rollback()
        thread.join(20)
    assert claimed == [None], f"claimed although it is {moved.state}"


def test_a_task_whose_worker_died_does_not_go_to_the_end_of_the_queue(db: Connection) -> None:
    first, second = put(db), put(db)
    assert take(db).id == first.id
    db.execute("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = %s", (first.id,))
    [listed] = tasks.expired(db)
    assert tasks.shift(db, listed, states.move(State.RUNNING, Event.LOSE), expired=True)
    db.commit()
    assert (take(db).id, take(db).id) == (first.id, second.id)


def test_the_results_of_two_attempts_do_not_meet(tmp_path: Path) -> None:
    """A zombie that joins late writes a result of its own."""
    files, task = LocalFiles(tmp_path), uuid4()
    for attempt, data in ((1, b"good"), (2, b"late")):
        with contextlib.closing(files.open_segment(task, attempt, "data.csv")) as segment:
            segment.write(data)
    good, _, _ = files.join(task, 1, "data.csv", [(1, 4)], None, lambda done: None)
    files.join(task, 2, "data.csv", [(2, 4)], None, lambda done: None)
    assert (tmp_path / good).read_bytes() == b"good"
