"""Kinds that behave badly: the promises hold all the same, and the others do not suffer."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests.conftest import StartWorker, end_worker
from tests.support import at_state, numbers, parsed, people_csv, reached, send, table_rows, timeline, wait_until
from waystation.model import State, Task, Verb
from waystation.sdk import Checkpoint, Context, Steps, task
from waystation.wiring import House

KINDS = {"kinds": ("tests.kinds", "tests.promises.test_hostile")}


class HostileParams(BaseModel):
    """Which misbehaviour."""

    how: str = ""
    seconds: float = 0.0
    steps: int = 200


def _write(ctx: Context, n: int) -> None:
    ctx.db.execute("INSERT INTO public.counted VALUES (%s, %s::int, %s::int)", (ctx.task, n, ctx.attempt))


@task("hostile")
def hostile(ctx: Context, params: HostileParams, cursor: int = 0) -> Steps:
    """Count, badly."""
    if params.how == "ignores SIGTERM":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        for n in range(cursor + 1, params.steps + 1):
            _write(ctx, n)
            if n == 3 and params.how == "hangs in C" and ctx.attempt == 1:
                re.match(r"(a+)+$", "a" * 60 + "b")  # holds Python's lock, and would for years
            if n == 3 and params.how == "long step":
                time.sleep(params.seconds)
            if n == 3 and params.how == "yields nonsense":
                yield "done"  # type: ignore[misc]
            if n == 3 and params.how == "commits by itself":
                ctx.db.commit()
            time.sleep(0.01)
            yield Checkpoint(cursor=n, done=n, total=params.steps)
    finally:
        if params.how == "raises in finally":
            raise ValueError("from the finally")


def begin(house: House, how: str, **params: object) -> Task:
    made, _ = house.control.submit("hostile", {"how": how, **params}, actor="ann")
    return made


@pytest.fixture
def house(house: House) -> House:
    """With the kind of these tests."""
    house.registry.add(hostile)
    return house


def test_one_that_ignores_sigterm_is_drained_and_terminated_all_the_same(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(**KINDS)
    made = reached(house, begin(house, "ignores SIGTERM", steps=2000), 3)
    assert end_worker(worker) == 0
    assert house.control.get(made.id).state is State.QUEUED
    start_worker(**KINDS)
    reached(house, made, house.control.get(made.id).done + 3)
    house.control.act(Verb.TERMINATE, made.id, actor="ann")
    at_state(house, made, State.TERMINATED)


def test_one_that_hangs_in_c_loses_its_lease_and_another_attempt_goes_on(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=2, lease=1.0, heartbeat=0.2)
    made = at_state(house, begin(house, "hangs in C", steps=10), State.SUCCEEDED, timeout=60)
    assert (made.attempt, numbers(house, made)) == (2, list(range(1, 11)))
    assert "lease lost" in timeline(house, made)


def test_one_that_hangs_in_c_is_killed_by_terminate(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, slots=1, lease=60, heartbeat=0.2)
    made = reached(house, begin(house, "hangs in C", steps=10), 2)
    house.control.act(Verb.TERMINATE, made.id, actor="ann")
    at_state(house, made, State.TERMINATED)
    other = begin(house, "", steps=2)
    at_state(house, other, State.SUCCEEDED)  # the only slot works again


def test_a_step_far_longer_than_the_lease_keeps_it(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS, lease=0.8, heartbeat=0.2)
    made = at_state(house, begin(house, "long step", seconds=3.0, steps=5), State.SUCCEEDED, timeout=60)
    assert (made.attempt, numbers(house, made)) == (1, [1, 2, 3, 4, 5])


def test_one_that_raises_in_its_finally_is_paused_and_resumed_exactly(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS)
    made = reached(house, begin(house, "raises in finally", steps=100), 3)
    house.control.act(Verb.PAUSE, made.id, actor="ann")
    paused = at_state(house, made, State.PAUSED)
    assert numbers(house, made) == list(range(1, paused.done + 1))
    house.control.act(Verb.RESUME, made.id, actor="ann")
    failed = at_state(house, made, State.FAILED)
    assert failed.error is not None
    assert "from the finally" in failed.error["detail"]
    assert numbers(house, made) == list(range(1, 101)), "what its checkpoints kept is kept"


def test_one_that_yields_nonsense_fails_with_the_right_form_in_the_error(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS)
    made = at_state(house, begin(house, "yields nonsense"), State.FAILED)
    assert made.error is not None
    assert made.error["code"] == "wrong-kind"
    assert "Checkpoint(cursor=" in made.error["detail"]
    assert numbers(house, made) == [1, 2]


@pytest.mark.long
def test_a_rolling_restart_of_two_workers_loses_nothing_and_repeats_nothing(house: House, start_worker: StartWorker) -> None:
    data = people_csv(60_000)
    workers = [start_worker(chunk_rows=300), start_worker(chunk_rows=300)]
    made = send(house, data)
    for n in range(2):
        wait_until(lambda n=n: house.control.get(made.id).done > (n + 1) * 200_000, 30)  # type: ignore[misc]
        workers.append(start_worker(chunk_rows=300))
        assert end_worker(workers.pop(0)) == 0
    ended = at_state(house, made, State.SUCCEEDED, timeout=60)
    assert table_rows(house, "data") == parsed(data)
    assert (ended.crashes, ended.tries) == (0, 0)
    assert "lease lost" not in timeline(house, made)


def test_the_drain_of_the_command_line_finds_the_worker(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(**KINDS)
    made = reached(house, begin(house, "", steps=2000), 3)
    pid = int((Path(house.settings.home) / "run" / "worker.pid").read_text())
    assert pid == worker.pid
    assert end_worker(worker) == 0
    assert house.control.get(made.id).state is State.QUEUED
    assert "interrupted" in timeline(house, made)
