"""Lanes: what they commit apart from a checkpoint, they commit as the holder of the task or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.support import wait_until
from waystation import states
from waystation.errors import LeaseLost, WrongKind
from waystation.model import State, Task, Verb
from waystation.sdk.lanes import Lane
from waystation.storage import tasks
from waystation.storage.db import Connection, attempt_name
from waystation.wiring import House

TABLE = "CREATE TABLE public.lane_work (n int)"


@pytest.fixture
def held(house: House) -> Task:
    """A task that an attempt holds."""
    with house.database.connect("ws:test") as connection:
        connection.execute(TABLE)
        tasks.insert(
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
        made = tasks.claim(connection, queue="default", lease=60, worker="w", message="m")
    assert made is not None
    return made


@pytest.fixture
def lane(house: House, held: Task) -> Iterator[Lane]:
    """A lane of its attempt."""
    made = Lane(partial(house.database.connect, attempt_name(held.id, held.attempt)), held.id, held.attempt, held.state)
    yield made
    made.close()


def write(db: Connection) -> str:
    db.execute("INSERT INTO public.lane_work VALUES (1)")
    return "written"


def written(house: House) -> int:
    with house.database.transaction() as connection:
        return len(connection.execute("SELECT FROM public.lane_work").fetchall())


def lose(house: House, id: UUID) -> None:
    """Another takes the task, and ends no connection of the attempt that had it."""
    with house.database.transaction() as connection:
        task = tasks.get(connection, id)
        assert task is not None
        assert tasks.shift(connection, task, states.move(State.RUNNING, states.Event.LOSE, take=True))


def test_a_lane_commits_while_its_attempt_holds_the_task(house: House, lane: Lane) -> None:
    assert lane.start(write).result() == "written"
    assert written(house) == 1


def test_a_lane_hears_of_a_wish_as_it_commits(house: House, held: Task, lane: Lane) -> None:
    lane.start(write).result()
    assert not lane.asked
    house.control.act(Verb.PAUSE, held.id, actor="ann")
    lane.start(write).result()
    assert lane.asked
    house.control.act(Verb.RESUME, held.id, actor="ann")
    lane.start(write).result()
    assert not lane.asked


def test_a_lane_of_a_lost_attempt_commits_nothing(house: House, held: Task, lane: Lane) -> None:
    """Its connection works as ever: it is the row that says no."""
    lane.start(lambda db: None).result()
    lose(house, held.id)
    with pytest.raises(LeaseLost):
        lane.start(write).result()
    assert written(house) == 0


def test_an_attempt_that_loses_its_task_during_the_work_commits_nothing(house: House, held: Task, lane: Lane) -> None:
    def work(db: Connection) -> None:
        write(db)
        lose(house, held.id)

    with pytest.raises(LeaseLost):
        lane.start(work).result()
    assert written(house) == 0


def test_who_takes_a_task_waits_for_the_lane_that_is_about_to_commit(house: House, held: Task) -> None:
    """Between the look and the commit nobody takes the task: a lock that only keeps its key would let them."""
    taken = threading.Event()

    def take() -> None:
        lose(house, held.id)
        taken.set()

    with house.database.connect("ws:lane") as db:
        write(db)
        assert tasks.fence(db, held.id, held.attempt, held.state) is False
        thread = threading.Thread(target=take)
        thread.start()
        try:
            wait_until(lambda: waiting(house), 10)
            assert not taken.is_set()
            db.commit()
        finally:
            db.rollback()
            thread.join()
    assert taken.is_set()
    assert written(house) == 1


def waiting(house: House) -> list[Any]:
    """Sessions that wait for a lock."""
    with psycopg.connect(house.database_url) as connection:
        return connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchall()


def test_work_that_fails_leaves_nothing_and_the_lane_goes_on(house: House, lane: Lane) -> None:
    def fail(db: Connection) -> None:
        write(db)
        raise ValueError("told to")

    with pytest.raises(ValueError, match="told to"):
        lane.start(fail).result()
    assert not lane.lost
    lane.start(write).result()
    assert written(house) == 1


def test_a_lane_says_when_its_connection_is_gone(house: House, lane: Lane) -> None:
    def cut(db: Connection) -> None:
        with psycopg.connect(house.database_url) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (db.info.backend_pid,))
        write(db)

    with pytest.raises(psycopg.OperationalError):
        lane.start(cut).result()
    assert lane.lost


def test_a_lane_does_one_thing_at_a_time(lane: Lane) -> None:
    go = threading.Event()
    first = lane.start(lambda db: go.wait(20))
    with pytest.raises(WrongKind):
        lane.start(write)
    go.set()
    assert first.result()
