"""kill -9, SIGSTOP, drain: what happens to a task when its processes are taken away."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.conftest import StartWorker, end_worker
from tests.support import at_state, children, numbers, reached, timeline, wait_until
from waystation.model import State, Task, Verb
from waystation.wiring import House


@pytest.fixture
def house(house: House) -> House:
    """With the kinds of the tests."""
    house.registry.add(__import__("tests.kinds", fromlist=["count"]).count)
    return house


KINDS = {"kinds": ("tests.kinds",)}


def begin(house: House, **params: object) -> Task:
    task, _ = house.control.submit("test.count", {"nap": 0.02, **params}, actor="ann")
    return task


def backend_pids(house: House, task: Task) -> list[int]:
    with house.database.transaction() as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, %s)", (f"ws:{task.id}:",)
        )
        return [r["pid"] for r in rows]


@pytest.mark.long
def test_a_child_that_kills_itself_costs_one_step(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS)
    task = at_state(house, begin(house, steps=20, kill_at=8), State.SUCCEEDED)
    assert numbers(house, task) == list(range(1, 21))
    assert task.attempt == 2
    assert "lease lost" in timeline(house, task)


def test_a_task_whose_attempts_die_at_one_place_fails_with_its_place_named(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, crash_cap=3, lease=0.8, heartbeat=0.2)
    task = at_state(house, begin(house, steps=20, kill_at=8, kill_attempts=100), State.FAILED, timeout=60)
    assert task.error is not None
    assert task.error["code"] == "crash-loop"
    assert "3 times" in task.error["detail"]
    assert "7" in task.error["detail"], "the place: seven rows done"
    assert numbers(house, task) == list(range(1, 8)), "the checkpoint is kept for a retry"


def test_the_whole_worker_killed_and_another_started(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(**KINDS)
    task = reached(house, begin(house, steps=100), 5)
    for process in [*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)]:
        process.kill()
    worker.wait()
    start_worker(**KINDS)
    ended = at_state(house, task, State.SUCCEEDED)
    assert numbers(house, task) == list(range(1, 101))
    assert ended.attempt >= 2


def test_the_supervisor_killed_lets_its_children_end_by_themselves(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(**KINDS)
    task = reached(house, begin(house, steps=500), 5)
    family = psutil.Process(worker.pid).children(recursive=True)
    worker.kill()
    worker.wait()
    at_state(house, task, State.QUEUED)
    assert "interrupted" in timeline(house, task), "the closed pipe is an order to drain"
    for process in family:
        if process.is_running():
            process.terminate()
    psutil.wait_procs(family, timeout=20)


def test_a_frozen_attempt_that_wakes_changes_nothing_and_goes_quiet(house: House, start_worker: StartWorker) -> None:
    """The whole worker is frozen, so that nobody can kill the attempt before it wakes."""
    frozen_worker = start_worker(**KINDS, slots=1)
    task = reached(house, begin(house, steps=60, nap=0.05), 5)
    [child] = children(frozen_worker.pid)
    main = child.parent()
    assert main is not None
    main.suspend()
    child.suspend()
    try:
        start_worker(**KINDS, slots=1)
        wait_until(lambda: house.control.get(task.id).attempt == 2, 20)
        assert _names(house, task) == [], "the backends of the frozen attempt are ended"
        reached(house, task, 10)
    finally:
        child.resume()
        main.resume()
    ended = at_state(house, task, State.SUCCEEDED, timeout=40)
    assert numbers(house, task) == list(range(1, 61))
    assert ended.attempt == 2
    # It is quiet: neither it nor its heartbeat holds a connection any more.
    wait_until(lambda: not backend_pids(house, task), 10)


def test_an_attempt_that_hangs_beyond_its_lease_is_killed_and_its_slot_comes_back(
    house: House, start_worker: StartWorker
) -> None:
    worker = start_worker(**KINDS, slots=1)
    task = reached(house, begin(house, steps=30), 3)
    [child] = children(worker.pid)
    child.suspend()
    ended = at_state(house, task, State.SUCCEEDED, timeout=40)
    assert (ended.attempt, numbers(house, task)) == (2, list(range(1, 31)))
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def _names(house: House, task: Task) -> list[str]:
    with house.database.transaction() as connection:
        rows = connection.execute(
            "SELECT application_name AS name FROM pg_stat_activity WHERE starts_with(application_name, %s)",
            (f"ws:{task.id}:1",),
        )
        return [r["name"] for r in rows]


def test_a_drain_is_not_an_error(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(**KINDS)
    task = reached(house, begin(house, steps=500), 5)
    assert end_worker(worker) == 0
    released = house.control.get(task.id)
    assert (released.state, released.crashes, released.tries, released.error) == (State.QUEUED, 0, 0, None)
    assert next(e for e in house.control.events(task.id) if e.event == "interrupted").reason
    assert numbers(house, task) == list(range(1, released.done + 1))
    house.control.act(Verb.STOP, task.id, actor="ann")


@pytest.mark.parametrize("wish", [pytest.param(Verb.PAUSE, marks=pytest.mark.long), Verb.STOP])
def test_a_wish_outlives_the_worker_that_should_have_met_it(house: House, start_worker: StartWorker, wish: Verb) -> None:
    worker = start_worker(**KINDS, slots=1)
    task = reached(house, begin(house, steps=100, hang_at=6), 5)
    house.control.act(wish, task.id, actor="ann")
    [child] = children(worker.pid)
    os.kill(child.pid, signal.SIGKILL)
    if wish is Verb.PAUSE:
        at_state(house, task, State.PAUSED)
        assert numbers(house, task) == [1, 2, 3, 4, 5]
    else:
        at_state(house, task, State.STOPPED)
        assert numbers(house, task) == []


def test_killed_in_the_middle_of_a_rollback_it_finishes(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(**KINDS, slots=1)
    task = at_state(house, begin(house, steps=60, nap=0.0, undo_nap=0.03), State.SUCCEEDED)
    house.control.act(Verb.UNDO, task.id, actor="ann")
    wait_until(lambda: house.control.get(task.id).revert_done >= 5, 20)
    [child] = children(worker.pid)
    os.kill(child.pid, signal.SIGKILL)
    at_state(house, task, State.UNDONE, timeout=40)
    assert numbers(house, task) == []
    assert "lease lost" in timeline(house, task)
