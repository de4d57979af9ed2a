"""What a kind can ask for: other tries after errors that may pass, a time for its steps, one task at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel

from tests.conftest import StartWorker
from tests.support import at_state, numbers, reached, timeline, wait_until
from waystation.errors import AlreadyUnderWay
from waystation.model import State, Task, Verb
from waystation.reaper import Reaper
from waystation.sdk import Checkpoint, Context, Retry, Steps, task
from waystation.wiring import House

KINDS = {"kinds": ("tests.kinds", "tests.promises.test_kind_options")}
TOWN = KINDS


class FlakyParams(BaseModel):
    """Where it fails, and how often."""

    steps: int = 6
    fail_at: tuple[int, ...] = ()
    fail_times: int = 2
    other: bool = False
    hang_at: int | None = None
    hang_undo: bool = False
    shop: str = "one"
    nap: float = 0.0


def _count(ctx: Context, n: int) -> None:
    ctx.db.execute("INSERT INTO public.counted VALUES (%s, %s::int, %s::int)", (ctx.task, n, ctx.attempt))


@task("flaky", retry=Retry(on=ConnectionError, times=3, first=0.05, jitter=0))
def flaky(ctx: Context, params: FlakyParams, cursor: dict[str, int] | None = None) -> Steps:
    """Count, and lose the connection some times at some numbers; each attempt fails once."""
    for n in ctx.each(range(1, params.steps + 1), cursor):
        _count(ctx, n)
        if n in params.fail_at:
            failed = params.fail_at.index(n) * params.fail_times
            if ctx.attempt <= failed + params.fail_times:
                raise ValueError("wrong") if params.other else ConnectionError("the service does not answer")
        yield ctx.checkpoint()


@task("slow", step_timeout=1, unit="rows")
def slow(ctx: Context, params: FlakyParams, cursor: int = 0) -> Steps:
    """Count, and stand still at a number."""
    for n in ctx.each(range(1, params.steps + 1), cursor):
        _count(ctx, n)
        if n == params.hang_at and ctx.attempt == 1:
            time.sleep(3600)
        yield ctx.checkpoint()


@slow.undo
def unslow(ctx: Context, params: FlakyParams, cursor: int = 0) -> Steps:
    """Take it back, and stand still at the first try."""
    if params.hang_undo and ctx.attempt == 2:
        time.sleep(3600)
    ctx.db.execute("DELETE FROM public.counted WHERE task = %s", (ctx.task,))
    yield Checkpoint(cursor=1)


@task("alone", unique="shop", undoable=True)
def alone(ctx: Context, params: FlakyParams, cursor: int = 0) -> Steps:
    """Count, one task a shop."""
    for n in ctx.each(range(1, params.steps + 1), cursor):
        _count(ctx, n)
        time.sleep(params.nap)
        yield ctx.checkpoint()


@pytest.fixture
def house(house: House) -> House:
    """With the kinds of these tests."""
    for kind in (slow, alone):
        house.registry.add(kind)
    return house


def begin(house: House, kind: str, **params: object) -> Task:
    made, _ = house.control.submit(kind, params, actor="ann")
    return made


# -- other tries
def test_an_error_that_may_pass_is_tried_again_and_leaves_nothing_behind(town: House) -> None:
    made = at_state(town, begin(town, "flaky", fail_at=(3, 5)), State.SUCCEEDED)
    assert numbers(town, made) == [1, 2, 3, 4, 5, 6]
    assert (made.attempt, made.error) == (5, None)
    said = [e.reason or "" for e in town.control.events(made.id) if e.event == "interrupted"]
    assert [s.partition(" comes")[0] for s in said] == [
        f"ConnectionError: the service does not answer; try {n} of 3" for n in (1, 2, 1, 2)
    ], "tries count from one again where it got further"


def test_after_its_last_try_it_fails_where_it_stands(town: House) -> None:
    made = at_state(town, begin(town, "flaky", fail_at=(4,), fail_times=4), State.FAILED)
    assert made.error is not None
    assert "does not answer" in made.error["detail"]
    assert (made.attempt, made.tries, made.done) == (4, 3, 3)
    assert town.control.act(Verb.RETRY, made.id, actor="ann").tries == 0
    at_state(town, made, State.SUCCEEDED)
    assert numbers(town, made) == [1, 2, 3, 4, 5, 6]


def test_any_other_error_fails_at_once(town: House) -> None:
    made = at_state(town, begin(town, "flaky", fail_at=(2,), other=True), State.FAILED)
    assert (made.attempt, made.tries) == (1, 0)


# -- a time for each step
def test_a_step_that_does_not_yield_in_time_ends_its_task_with_the_place_named(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=1, heartbeat=0.2)
    made = at_state(house, begin(house, "slow", hang_at=4), State.FAILED, timeout=40)
    assert made.error is not None
    assert made.error["code"] == "step-too-long"
    assert "within 1 s: rows 3, cursor 3" in made.error["detail"]
    assert "step_timeout" in made.error["remedy"]
    assert timeline(house, made)[-1] == "failed"
    assert numbers(house, made) == [1, 2, 3]
    house.control.act(Verb.RETRY, made.id, actor="ann")
    at_state(house, made, State.SUCCEEDED, timeout=40)  # the only slot works again
    assert numbers(house, made) == [1, 2, 3, 4, 5, 6]


@pytest.mark.long
def test_a_taking_back_that_does_not_yield_in_time_is_tried_again(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=1, heartbeat=0.2)
    made = at_state(house, begin(house, "slow", hang_undo=True), State.SUCCEEDED)
    house.control.act(Verb.UNDO, made.id, actor="ann")
    undone = at_state(house, made, State.UNDONE, timeout=40)
    assert (undone.leftovers, numbers(house, made)) == ([], [])
    assert any(e.data.get("why", "").startswith("StepTooLong") for e in house.control.events(made.id) if e.event == "log")


# -- one at a time
def test_only_one_unfinished_task_for_a_key(house: House, start_worker: StartWorker) -> None:
    first = begin(house, "alone", shop="one")
    with pytest.raises(AlreadyUnderWay, match=str(first.id)) as caught:
        begin(house, "alone", shop="one")
    assert (caught.value.extra["task_id"], caught.value.extra["task_status"]) == (str(first.id), "queued")
    other = begin(house, "alone", shop="two")
    house.control.act(Verb.PAUSE, first.id, actor="ann")
    with pytest.raises(AlreadyUnderWay, match="which is paused"):
        begin(house, "alone", shop="one")
    start_worker(**KINDS)
    at_state(house, other, State.SUCCEEDED)
    house.control.act(Verb.RESUME, first.id, actor="ann")
    at_state(house, first, State.SUCCEEDED)
    second = begin(house, "alone", shop="one", steps=1000, nap=0.01)
    reached(house, second, 1)
    with pytest.raises(AlreadyUnderWay, match=str(second.id)):
        house.control.act(Verb.UNDO, first.id, actor="ann")
    assert house.control.get(first.id).state is State.SUCCEEDED
    house.control.act(Verb.STOP, second.id, actor="ann")
    at_state(house, second, State.STOPPED)
    house.control.act(Verb.UNDO, first.id, actor="ann")
    at_state(house, first, State.UNDONE)


def test_a_key_that_two_ask_for_at_the_same_moment_is_given_once(house: House) -> None:
    def ask(_: int) -> Task | AlreadyUnderWay:
        try:
            return begin(house, "alone")
        except AlreadyUnderWay as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(12)))
    [made] = [a for a in answers if isinstance(a, Task)]
    assert all(a.extra == {"task_id": str(made.id), "task_status": "queued"} for a in answers if not isinstance(a, Task))


def test_retention_waits_while_another_is_under_way(house: House) -> None:
    old = begin(house, "alone")
    with house.database.transaction() as connection:
        connection.execute(
            "UPDATE tasks SET state = 'failed', attempt = 1, ended_at = now() - interval '1 year' WHERE id = %s", (old.id,)
        )
    new = begin(house, "alone")
    reaper = Reaper(house.database, house.files, house.settings, house.bell)
    assert reaper.pass_once(sweep=True)
    assert house.control.get(old.id).state is State.FAILED
    house.control.act(Verb.STOP, new.id, actor="ann")
    assert reaper.pass_once(sweep=True)
    wait_until(lambda: house.control.get(old.id).state is State.REVERTING)
