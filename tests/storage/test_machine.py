"""The state machine under random verbs, claims, losses and crashes, against the real database and a tiny model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.kinds import count, plain
from waystation import states
from waystation.errors import LeaseLost, VerbNotPossible
from waystation.model import Goal, State, Task, Verb, Wish
from waystation.reaper import rescue
from waystation.runner import Attempt, Shop
from waystation.states import FINAL, Event
from waystation.storage import tasks
from waystation.storage.db import Connection
from waystation.wiring import House

_house: list[House] = []
CAP = 3


class Machine(RuleBasedStateMachine):
    """One task; at most one attempt holds it, and others that lost it may still try to write."""

    def __init__(self) -> None:
        super().__init__()
        self.house = _house[0]
        self.control = self.house.control
        self.shop = Shop(
            self.house.database, self.house.registry, self.house.files, self.house.settings, "w", ring=lambda queue: True
        )
        self.connections: list[Connection] = []
        self.task, _ = self.control.submit("test.count", {}, actor="ann")
        self.holder: Attempt | None = None
        self.zombies: list[Attempt] = []
        self.wished: Wish | None = None  # the model: what was asked and not yet met
        self.seen = [self.task.version]

    def now(self) -> Task:
        return self.control.get(self.task.id)

    def open(self) -> Connection:
        connection = self.house.database.connect("ws:machine")
        self.connections.append(connection)
        return connection

    # -- people
    @rule(verb=st.sampled_from(list(Verb)))
    def verb(self, verb: Verb) -> None:
        before = self.now()
        expected = states.answer(verb, before.situation)
        try:
            after = self.control.act(verb, self.task.id, actor="ann", params={"limit": 1} if verb is Verb.RETRY else None)
        except VerbNotPossible:
            assert isinstance(expected, states.Refusal)
            return
        assert not isinstance(expected, states.Refusal)
        if isinstance(expected, states.Ask):
            self.wished = expected.wish
            assert after.wish is expected.wish
        if isinstance(expected, states.Move):
            self.wished = None
            if expected.take and self.holder:
                self.zombies.append(self.holder)
                self.holder = None

    # -- a worker
    @precondition(lambda self: self.holder is None)
    @rule()
    def claim(self) -> None:
        connection = self.open()
        task = tasks.claim(connection, queue="default", lease=60, worker="w", message="m")
        connection.commit()
        if task is not None:
            self.holder = Attempt(self.shop, connection, task)

    def write(self, event: Event | None, **changes: Any) -> None:
        assert self.holder is not None
        for name, value in changes.items():
            setattr(self.holder.held, name, value)
        wished = self.wished
        move = self.holder._write(event)
        if move is not None:
            self.holder = None
            self.wished = None
        over = event is Event.FINISH or event in states.END.values()
        if wished is Wish.STOP:
            assert move is not None
            assert move.goal is Goal.STOPPED, "a stop is met at the next write, whatever it is"
        elif wished is Wish.PAUSE and not over:
            assert move is not None
            assert move.to is State.PAUSED
        elif event is not None:
            assert move is not None
            assert move.event is event

    @precondition(lambda self: self.holder is not None)
    @rule()
    def step(self) -> None:
        assert self.holder is not None
        held = self.holder.held
        self.write(None, done=held.done + 1, cursor=held.done + 1, crashes=0)

    @precondition(lambda self: self.holder is not None)
    @rule()
    def give_back(self) -> None:
        self.write(Event.RELEASE)

    @precondition(lambda self: self.holder is not None)
    @rule()
    def end(self) -> None:
        assert self.holder is not None
        held = self.holder.held
        if held.state is State.RUNNING:
            self.write(Event.FINISH)
        else:
            assert held.goal is not None
            self.write(states.END[held.goal])

    @precondition(lambda self: self.holder is not None and self.holder.held.state is State.RUNNING)
    @rule()
    def fail(self) -> None:
        self.write(Event.FAIL, error={"code": "x", "detail": "x"})

    # -- the reaper
    @precondition(lambda self: self.holder is not None)
    @rule()
    def die(self) -> None:
        """The worker is gone; its lease runs out; it may come back as a zombie."""
        assert self.holder is not None
        connection = self.open()
        connection.execute("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = %s", (self.task.id,))
        connection.commit()
        before = self.now()
        moved = rescue(connection, before, cap=CAP, actor="reaper")
        assert moved is not None
        if self.wished is Wish.STOP:
            assert moved.goal is Goal.STOPPED
        elif self.wished is Wish.PAUSE:
            assert moved.state is State.PAUSED
        elif before.state is State.RUNNING:
            assert moved.state is (State.FAILED if before.crashes + 1 >= CAP else State.QUEUED)
        self.zombies.append(self.holder)
        self.holder = None
        self.wished = None

    @precondition(lambda self: bool(self.zombies))
    @rule(event=st.sampled_from([None, Event.FINISH, Event.RELEASE]))
    def zombie_writes(self, event: Event | None) -> None:
        zombie = self.zombies[-1]
        before = self.now()
        if (zombie.held.state, event) not in states.MOVES and event is not None:
            return
        zombie.held.done = 10**6
        with pytest.raises(LeaseLost):
            zombie._write(event)
        zombie.connection.rollback()
        assert self.now() == before, "it changed nothing"

    # -- always
    @invariant()
    def the_row_makes_sense(self) -> None:
        row = self.now()
        assert row.wish is self.wished, "no wish is lost, and none comes from nowhere"
        assert (row.ended_at is not None) == (row.state in FINAL)
        assert (self.holder is not None) == row.held
        assert row.version >= self.seen[-1]
        self.seen.append(row.version)
        assert row.done < 10**6

    def teardown(self) -> None:
        """Every path ends: from wherever it stands, the task comes to a final state."""
        try:
            for _ in range(6):
                row = self.now()
                if row.state in FINAL:
                    break
                if row.state is State.PAUSED:
                    self.control.act(Verb.RESUME, self.task.id, actor="ann")
                elif self.holder is None:
                    self.claim()
                else:
                    self.end()
            assert self.now().state in FINAL
            words = [e.event for e in self.control.events(self.task.id)]
            assert words[0] == "submitted"
        finally:
            for connection in self.connections:
                connection.close()


@pytest.fixture
def machine_house(house: House) -> Iterator[House]:
    house.registry.add(count)
    house.registry.add(plain)
    _house.append(house)
    yield house
    _house.clear()


def test_random_verbs_claims_losses_and_crashes(machine_house: House) -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
