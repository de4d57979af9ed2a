"""Tasks that begin at a time, and tasks that begin once another one has succeeded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.support import at_state, numbers, timeline, wait_until
from waystation.errors import IdempotencyKeyReused, InvalidRequest, TaskNotFound
from waystation.model import State, Task, Verb
from waystation.wiring import House

TOWN = {"kinds": ("tests.kinds",)}


def begin(house: House, after: Task | None = None, run_at: datetime | None = None, **params: object) -> Task:
    asked = {"steps": 3, **params}
    return house.control.submit("test.count", asked, actor="ann", after=after.id if after else None, run_at=run_at)[0]


def at(house: House, task: Task) -> Task:
    return house.control.get(task.id)


def test_it_begins_at_its_time_and_not_before(town: House) -> None:
    due = datetime.now(UTC) + timedelta(seconds=2)
    task = begin(town, run_at=due)
    town.control.act(Verb.PAUSE, task.id, actor="ann")
    town.control.act(Verb.RESUME, task.id, actor="ann")
    assert at(town, task).run_at == due, "a pause and a resume leave the time as it was"
    done = at_state(town, task, State.SUCCEEDED)
    assert done.started_at is not None
    assert done.started_at >= due
    late = begin(town, run_at=datetime.now(UTC) - timedelta(days=1))
    at_state(town, late, State.SUCCEEDED)


def test_one_task_after_another(town: House) -> None:
    first = begin(town, steps=30)
    second = begin(town, after=first)
    third = begin(town, after=second)
    assert (at(town, second).waits_for, at(town, third).waits_for) == (first.id, second.id)
    ended = [at_state(town, task, State.SUCCEEDED) for task in (first, second, third)]
    for before, then in pairwise(ended):
        assert before.ended_at is not None
        assert then.started_at is not None
        assert then.started_at >= before.ended_at
        assert "may begin" in timeline(town, then)
    assert numbers(town, third) == [1, 2, 3]
    at_state(town, begin(town, after=first), State.SUCCEEDED)


def test_it_waits_on_while_the_other_is_failed_and_begins_after_its_retry(town: House) -> None:
    first = begin(town, fail_at=2)
    second = begin(town, after=first)
    at_state(town, first, State.FAILED)
    assert at(town, second).state is State.QUEUED
    town.control.act(Verb.PAUSE, second.id, actor="ann")
    town.control.act(Verb.RETRY, first.id, actor="ann", params={"limit": 1})
    at_state(town, first, State.SUCCEEDED)
    wait_until(lambda: at(town, second).waits_for is None)
    assert at(town, second).state is State.PAUSED, "whoever was paused stays so"
    town.control.act(Verb.RESUME, second.id, actor="ann")
    at_state(town, second, State.SUCCEEDED)


def test_when_the_other_is_stopped_it_is_stopped_with_all_that_wait_for_it(town: House) -> None:
    first = begin(town, run_at=datetime.now(UTC) + timedelta(days=1))
    second = begin(town, after=first)
    third = begin(town, after=second)
    town.control.act(Verb.STOP, first.id, actor="ann")
    at_state(town, third, State.STOPPED)
    stopped = at_state(town, second, State.STOPPED)
    assert stopped.started_at is None
    reasons = [e.reason for e in town.control.events(second.id) if e.event == "stopped"]
    assert reasons == [f"the task that it waited for, {first.id}, is stopped"]
    with pytest.raises(InvalidRequest, match="will never succeed"):
        begin(town, after=first)


def test_what_is_asked_is_part_of_the_request(town: House) -> None:
    with pytest.raises(TaskNotFound):
        town.control.submit("test.count", {}, actor="ann", after="00000000-0000-0000-0000-000000000000")
    due = datetime.now(UTC) + timedelta(days=1)
    made, _ = town.control.submit("test.count", {}, actor="ann", run_at=due, idempotency_key="tomorrow")
    assert town.control.submit("test.count", {}, actor="ann", run_at=due, idempotency_key="tomorrow") == (made, False)
    with pytest.raises(IdempotencyKeyReused):
        town.control.submit("test.count", {}, actor="ann", idempotency_key="tomorrow")
