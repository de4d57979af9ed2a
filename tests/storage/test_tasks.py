"""Claims, guarded writes and the timeline, against the real database."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pytest

from waystation import states
from waystation.model import Goal, State, Task, Verb, Wish
from waystation.states import Event, Move
from waystation.storage import tasks
from waystation.storage.db import Connection
from waystation.storage.tasks import Held, NewEvent
from waystation.wiring import House


def put(connection: Connection, *, actor: str = "ann", priority: int = 0) -> Task:
    made = tasks.insert(
        connection,
        id=uuid4(),
        kind="k",
        queue="default",
        priority=priority,
        params={},
        dataset=None,
        undoable=True,
        unit="steps",
        created_by=actor,
        idempotency_key=None,
        request_hash="",
    )
    assert made is not None
    connection.commit()
    return made


def take(connection: Connection, lease: float = 60) -> Task | None:
    found = tasks.claim(connection, queue="default", lease=lease, worker="w", message="m")
    connection.commit()
    return found


@pytest.fixture
def db(house: House) -> Any:
    with house.database.connect("ws:test") as connection:
        yield connection


def test_claims_go_by_revert_then_priority_then_fairness_then_age(db: Connection) -> None:
    old, second, urgent = put(db), put(db), put(db, priority=5)
    other = put(db, actor="bob")
    reverting = put(db)
    db.execute("UPDATE tasks SET state = 'reverting', goal = 'stopped' WHERE id = %s", (reverting.id,))
    order = [take(db) for _ in range(5)]
    assert [t.id for t in order if t] == [reverting.id, urgent.id, other.id, old.id, second.id]
    assert take(db) is None


def test_one_task_is_claimed_once_however_many_try(house: House, db: Connection) -> None:
    for _ in range(10):
        put(db)
    got: list[Task | None] = []

    def grab() -> None:
        with house.database.connect("ws:test") as mine:
            got.extend([take(mine) for _ in range(5)])

    threads = [threading.Thread(target=grab) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    ids = [t.id for t in got if t]
    assert (len(ids), len(set(ids))) == (10, 10)


def test_a_task_that_is_not_due_is_not_claimed(db: Connection) -> None:
    task = put(db)
    db.execute("UPDATE tasks SET run_at = now() + interval '1 hour' WHERE id = %s", (task.id,))
    assert take(db) is None


def test_a_holder_who_lost_the_lease_writes_nothing(db: Connection) -> None:
    put(db)
    task = take(db)
    assert task
    zombie = Held.of(task)
    db.execute("UPDATE tasks SET attempt = attempt + 1 WHERE id = %s", (task.id,))
    zombie.done = 99
    assert tasks.advance(db, zombie, None, lease=60) is None
    assert tasks.advance(db, zombie, states.move(State.RUNNING, Event.FINISH), lease=60) is None
    assert not tasks.beat(db, task.id, zombie.attempt, 60)
    now = tasks.get(db, task.id)
    assert now is not None
    assert (now.done, now.state) == (0, State.RUNNING)


def test_a_write_that_did_not_see_the_wish_is_refused(db: Connection) -> None:
    """The race between a verb and a yield: the yield reads again and obeys."""
    put(db)
    task = take(db)
    assert task
    held = Held.of(task)
    assert tasks.shift(db, task, states.Ask(Wish.STOP)) is not None
    db.commit()
    assert tasks.advance(db, held, None, lease=60) is None, "a plain checkpoint would lose the wish"
    held.wish = Wish.STOP
    move = states.obey(held.situation, None)
    assert move == Move(Event.REVERT, State.REVERTING, Goal.STOPPED)
    assert tasks.advance(db, held, move, lease=60) is not None


def test_a_verb_that_did_not_see_the_yield_is_refused(db: Connection) -> None:
    put(db)
    task = take(db)
    assert task
    assert tasks.advance(db, Held.of(task), states.move(State.RUNNING, Event.FINISH), lease=60) is not None
    assert tasks.shift(db, task, states.Ask(Wish.PAUSE)) is None
    now = tasks.get(db, task.id)
    assert now is not None
    assert isinstance(states.answer(Verb.PAUSE, now.situation), states.Refusal)


def test_a_lease_is_taken_only_when_it_has_run_out(db: Connection) -> None:
    put(db)
    task = take(db, lease=60)
    assert task
    lose = states.move(State.RUNNING, Event.LOSE)
    assert tasks.shift(db, task, lose, expired=True) is None
    db.execute("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = %s", (task.id,))
    assert [t.id for t in tasks.expired(db)] == [task.id]
    assert tasks.shift(db, task, lose, expired=True) is not None


def test_event_ids_are_in_the_order_of_their_commits(house: House, db: Connection) -> None:
    """A reader that has seen id n never finds a smaller one later."""
    task = put(db)
    seen: list[int] = []
    over = threading.Event()

    def write() -> None:
        with house.database.connect("ws:test") as mine:
            for _ in range(60):
                tasks.write_events(mine, [NewEvent(task.id, "log", "w", 1)])
                mine.commit()

    def read() -> None:
        with house.database.connect("ws:test", autocommit=True) as mine:
            while not over.is_set():
                seen.extend(e.id for e in tasks.events(mine, task.id, after=seen[-1] if seen else 0))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write) for _ in range(4)]
    for t in (reader, *writers):
        t.start()
    for t in writers:
        t.join()
    over.set()
    reader.join()
    with house.database.connect("ws:test", autocommit=True) as mine:
        seen.extend(e.id for e in tasks.events(mine, task.id, after=seen[-1] if seen else 0))
    assert len(seen) == 240, "none was passed over"
    assert seen == sorted(seen)


def test_the_database_says_no_too(db: Connection) -> None:
    import psycopg

    task = put(db)
    for wrong in (
        "state = 'nonsense'",
        "state = 'succeeded'",
        "ended_at = now()",
        "state = 'running'",
        "state = 'reverting'",
        "wish = 'pause'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            db.execute(f"UPDATE tasks SET {wrong} WHERE id = %s", (task.id,))
        db.rollback()
