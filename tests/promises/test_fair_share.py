"""Who gets a slot: urgent before usual, slices when others wait, limits that are exact, kinds that are held."""

from __future__ import annotations

import pytest

from tests.conftest import StartWorker
from tests.kinds import count
from tests.support import at_state, numbers, people_csv, reached, send, wait_until
from waystation.errors import InvalidRequest, KindNotFound
from waystation.model import State, Task, Verb
from waystation.wiring import House

KINDS = {"kinds": ("tests.kinds",)}


@pytest.fixture
def house(house: House) -> House:
    """With the kinds of the tests."""
    house.registry.add(count)
    return house


def begin(house: House, *, actor: str = "ann", priority: int | None = None, **params: object) -> Task:
    task, _ = house.control.submit("test.count", {"nap": 0.02, **params}, actor=actor, priority=priority)
    return task


def reasons(house: House, task: Task) -> list[str | None]:
    return [e.reason for e in house.control.events(task.id) if e.event == "interrupted"]


def test_a_task_that_had_its_slice_lets_the_next_one_in(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=1, slice=0.5)
    long = reached(house, begin(house, steps=150), 3)
    short = begin(house, steps=3)
    at_state(house, short, State.SUCCEEDED)
    assert house.control.get(long.id).state in (State.RUNNING, State.QUEUED), "it did not wait for the long one"
    at_state(house, long, State.SUCCEEDED)
    assert numbers(house, long) == list(range(1, 151))
    assert reasons(house, long) == ["others wait, and its slice is over"]


def test_something_urgent_gets_a_slot_at_the_next_yield(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=1, slice=60)
    long = reached(house, begin(house, steps=200), 3)
    urgent = begin(house, steps=3, priority=5)
    at_state(house, urgent, State.SUCCEEDED)
    assert "something more urgent waits for a slot" in reasons(house, long)
    house.control.act(Verb.STOP, long.id, actor="ann")
    at_state(house, long, State.STOPPED)


@pytest.mark.long
def test_a_small_import_does_not_wait_behind_large_ones(house: House, start_worker: StartWorker) -> None:
    start_worker(slots=1, slice=60, chunk_rows=500)
    large = send(house, people_csv(100_000), dataset="large")
    wait_until(lambda: house.control.get(large.id).done > 0, 30)
    small = send(house, people_csv(50), dataset="small")
    assert small.priority > large.priority
    at_state(house, small, State.SUCCEEDED)
    assert house.control.get(large.id).state in (State.RUNNING, State.QUEUED)
    at_state(house, large, State.SUCCEEDED, timeout=60)
    assert house.control.dataset("large").rows == 100_000


def test_a_waiting_revert_gets_a_slot_at_the_next_yield(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=1, slice=60)
    done = at_state(house, begin(house, steps=5), State.SUCCEEDED)
    long = reached(house, begin(house, steps=300), 3)
    house.control.act(Verb.UNDO, done.id, actor="ann")
    at_state(house, done, State.UNDONE)
    assert house.control.get(long.id).state in (State.RUNNING, State.QUEUED)
    house.control.act(Verb.STOP, long.id, actor="ann")
    at_state(house, long, State.STOPPED)


def most_at_once(house: House, tasks: list[Task]) -> int:
    """The greatest number of these tasks that ran at the same time, by the timeline's claims and ends."""
    moments: list[tuple[object, int]] = []
    for task in tasks:
        now = house.control.get(task.id)
        assert now.state is State.SUCCEEDED
        for e in house.control.events(task.id):
            if e.event == "claimed":
                moments.append((e.at, 1))
            elif e.event in ("interrupted", "succeeded"):
                moments.append((e.at, -1))
    most = running = 0
    for _, change in sorted(moments, key=lambda m: (m[0], m[1])):
        running += change
        most = max(most, running)
    return most


@pytest.mark.parametrize("limit", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_limit_on_a_kind_is_exact(house: House, start_worker: StartWorker, limit: int) -> None:
    start_worker(**KINDS, slots=4)
    house.control.limit("kind", "test.count", running=limit, actor="op")
    tasks = [begin(house, steps=10) for _ in range(6)]
    for task in tasks:
        at_state(house, task, State.SUCCEEDED, timeout=60)
    assert most_at_once(house, tasks) == limit


def test_a_held_kind_begins_nothing_until_it_is_let_go(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS)
    running = reached(house, begin(house, steps=60), 2)
    house.control.limit("kind", "test.count", held=True, actor="op", reason="the shop is closed")
    waiting = begin(house, steps=2)
    at_state(house, running, State.SUCCEEDED)
    assert house.control.get(waiting.id).state is State.QUEUED
    [limit] = house.control.limits()
    assert (limit.held, limit.reason, limit.set_by) == (True, "the shop is closed", "op")
    house.control.limit("kind", "test.count", actor="op")
    at_state(house, waiting, State.SUCCEEDED)
    assert house.control.limits() == []


def test_a_limit_does_not_make_others_give_way_for_nothing(house: House, start_worker: StartWorker) -> None:
    """What waits only for a limit wants no slot: the one that runs is not interrupted for it."""
    start_worker(**KINDS, slots=1, slice=0.3)
    house.control.limit("kind", "test.count", running=1, actor="op")
    first = begin(house, steps=60)
    second = begin(house, steps=2, priority=5)
    reached(house, first, 1)
    at_state(house, first, State.SUCCEEDED)
    at_state(house, second, State.SUCCEEDED)
    assert reasons(house, first) == []


def test_wrong_limits_are_refused(house: House) -> None:
    with pytest.raises(InvalidRequest):
        house.control.limit("color", "red", held=True, actor="op")
    with pytest.raises(KindNotFound):
        house.control.limit("kind", "no.such", held=True, actor="op")
    with pytest.raises(InvalidRequest):
        house.control.limit("kind", "test.count", running=-1, actor="op")
