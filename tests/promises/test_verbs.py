"""Each promise of the verbs, on the real engine: a real worker, a real PostgreSQL, a real Valkey."""

from __future__ import annotations

import threading

import pytest

from tests.support import at_state, numbers, reached, timeline, wait_until
from waystation.errors import InvalidParams, VerbNotPossible
from waystation.model import State, Task, TaskFilter, Verb
from waystation.wiring import House

TOWN = {"kinds": ("tests.kinds",)}


def begin(town: House, kind: str = "test.count", **params: object) -> Task:
    task, created = town.control.submit(kind, {"nap": 0.02, **params}, actor="ann")
    assert created
    return task


def test_a_task_runs_to_its_end(town: House) -> None:
    task = at_state(town, begin(town, steps=5), State.SUCCEEDED)
    assert (task.done, task.total, task.attempt) == (5, 5, 1)
    assert numbers(town, task) == [1, 2, 3, 4, 5]
    assert timeline(town, task) == ["submitted", "claimed", "log", "succeeded"]
    assert task.result is not None
    assert task.result["rows"] == 5


def test_a_pause_frees_the_slot_and_a_resume_goes_on_exactly(town: House) -> None:
    task = reached(town, begin(town, steps=60), 3)
    town.control.act(Verb.PAUSE, task.id, actor="bob", reason="lunch")
    paused = at_state(town, task, State.PAUSED)
    assert (paused.lease_until, paused.worker) == (None, None)
    assert [w.busy for w in town.control.workers()] == [0]
    assert numbers(town, task) == list(range(1, paused.done + 1)), "what was done stands"
    town.control.act(Verb.RESUME, task.id, actor="bob")
    ended = at_state(town, task, State.SUCCEEDED)
    assert numbers(town, task) == list(range(1, 61)), "nothing twice, nothing left out"
    assert ended.attempt == 2
    asked = next(e for e in town.control.events(task.id) if e.event == "pause asked")
    assert (asked.actor, asked.reason) == ("bob", "lunch")


def test_a_stop_leaves_nothing(town: House) -> None:
    task = reached(town, begin(town, steps=200), 5)
    town.control.act(Verb.STOP, task.id, actor="bob")
    at_state(town, task, State.STOPPED)
    assert numbers(town, task) == []


def test_a_stop_while_paused_leaves_nothing(town: House) -> None:
    task = reached(town, begin(town, steps=200), 3)
    town.control.act(Verb.PAUSE, task.id, actor="bob")
    at_state(town, task, State.PAUSED)
    town.control.act(Verb.STOP, task.id, actor="bob")
    at_state(town, task, State.STOPPED)
    assert numbers(town, task) == []


def test_terminate_kills_what_hangs_and_runs_no_author_code(town: House) -> None:
    task = reached(town, begin(town, steps=200, hang_at=5), 4)
    with town.database.transaction() as connection:
        before = connection.execute("SELECT worker FROM waystation.tasks WHERE id = %s", (task.id,)).fetchone()
    assert before is not None
    town.control.act(Verb.TERMINATE, task.id, actor="bob")
    ended = at_state(town, task, State.TERMINATED)
    assert ended.leftovers, "what the kind's own undo would have taken back is named"
    assert numbers(town, task) == [1, 2, 3, 4]
    # The killed child is replaced: both slots work again, and the hung process is gone.
    others = [begin(town, steps=2) for _ in range(4)]
    for other in others:
        at_state(town, other, State.SUCCEEDED)


def test_what_terminate_left_standing_can_be_undone(town: House) -> None:
    task = reached(town, begin(town, steps=200, hang_at=5), 4)
    town.control.act(Verb.TERMINATE, task.id, actor="bob")
    at_state(town, task, State.TERMINATED)
    town.control.act(Verb.UNDO, task.id, actor="bob")
    at_state(town, task, State.UNDONE)
    assert numbers(town, task) == []


def test_an_undo_takes_back_what_had_succeeded(town: House) -> None:
    task = at_state(town, begin(town, steps=5), State.SUCCEEDED)
    town.control.act(Verb.UNDO, task.id, actor="bob", reason="wrong file")
    undone = at_state(town, task, State.UNDONE)
    assert numbers(town, task) == []
    assert undone.result is not None
    assert "file" not in undone.result


def test_a_kind_without_an_undo_refuses_it(town: House) -> None:
    task = at_state(town, begin(town, "test.plain", steps=2), State.SUCCEEDED)
    with pytest.raises(VerbNotPossible) as caught:
        town.control.act(Verb.UNDO, task.id, actor="bob")
    assert caught.value.extra["possible"] == []


def test_a_paused_undo_goes_on_where_it_was(town: House) -> None:
    task = at_state(town, begin(town, steps=40, nap=0.0, undo_nap=0.03), State.SUCCEEDED)
    town.control.act(Verb.UNDO, task.id, actor="bob")
    wait_until(lambda: town.control.get(task.id).revert_done >= 3, 20)
    town.control.act(Verb.PAUSE, task.id, actor="bob")
    paused = at_state(town, task, State.PAUSED)
    assert len(numbers(town, task)) == 40 - paused.revert_done
    with pytest.raises(VerbNotPossible):
        town.control.act(Verb.STOP, task.id, actor="bob")
    town.control.act(Verb.RESUME, task.id, actor="bob")
    at_state(town, task, State.UNDONE)
    assert numbers(town, task) == []


def test_a_failed_task_keeps_its_checkpoint_and_a_retry_goes_on(town: House) -> None:
    task = at_state(town, begin(town, steps=10, fail_at=6), State.FAILED)
    assert numbers(town, task) == [1, 2, 3, 4, 5], "the failed step left nothing"
    assert task.error is not None
    assert task.error["code"] == "kind-failed"
    assert "told to fail at 6" in task.error["detail"]
    with pytest.raises(InvalidParams):
        town.control.act(Verb.RETRY, task.id, actor="bob", params={"steps": 3})
    town.control.act(Verb.RETRY, task.id, actor="bob", params={"limit": 1})
    ended = at_state(town, task, State.SUCCEEDED)
    assert ended.error is None
    assert numbers(town, task) == list(range(1, 11))


def test_a_failed_task_can_be_stopped(town: House) -> None:
    task = at_state(town, begin(town, steps=10, fail_at=6), State.FAILED)
    town.control.act(Verb.STOP, task.id, actor="bob")
    at_state(town, task, State.STOPPED)
    assert numbers(town, task) == []


def test_an_undo_that_fails_is_tried_again_and_then_named_as_left_over(town: House, monkeypatch: pytest.MonkeyPatch) -> None:
    task = at_state(town, begin(town, steps=3, undo_fails=True), State.SUCCEEDED)
    town.control.act(Verb.UNDO, task.id, actor="bob")
    wait_until(lambda: town.control.get(task.id).tries >= 2, 30)
    again = town.control.get(task.id)
    assert again.state is State.REVERTING, "it goes on trying, with longer and longer pauses"
    town.control.act(Verb.TERMINATE, task.id, actor="bob")
    ended = at_state(town, task, State.TERMINATED)
    assert ended.leftovers


def test_verbs_asked_twice_change_nothing(town: House) -> None:
    task = reached(town, begin(town, steps=200), 2)
    for verb, state in ((Verb.PAUSE, State.PAUSED), (Verb.STOP, State.STOPPED)):
        town.control.act(verb, task.id, actor="bob")
        at_state(town, task, state)
        version = town.control.get(task.id).version
        assert town.control.act(verb, task.id, actor="bob").version == version


def test_a_queued_task_is_paused_resumed_and_stopped_without_a_worker(house: House) -> None:
    house.registry.add(__import__("tests.kinds", fromlist=["count"]).count)
    task, _ = house.control.submit("test.count", {}, actor="ann")
    assert house.control.act(Verb.PAUSE, task.id, actor="bob").state is State.PAUSED
    assert house.control.act(Verb.RESUME, task.id, actor="bob").state is State.QUEUED
    assert house.control.act(Verb.STOP, task.id, actor="bob").state is State.STOPPED
    other, _ = house.control.submit("test.count", {}, actor="ann")
    assert house.control.act(Verb.TERMINATE, other.id, actor="bob").state is State.TERMINATED


def test_a_refusal_names_what_is_possible(town: House) -> None:
    task = at_state(town, begin(town, steps=1), State.SUCCEEDED)
    with pytest.raises(VerbNotPossible) as caught:
        town.control.act(Verb.PAUSE, task.id, actor="bob")
    assert caught.value.extra == {"task_status": "succeeded", "possible": ["undo"]}
    assert caught.value.status == 409


def test_a_409_never_comes_from_a_race(town: House) -> None:
    """Verbs hammered against a task that moves by itself: each answers as some state it was in would have answered."""
    for _ in range(3):
        task = begin(town, steps=30, nap=0.005)
        refused: list[VerbNotPossible] = []

        def hammer(task: Task = task, refused: list[VerbNotPossible] = refused) -> None:
            for _ in range(15):
                for verb in (Verb.PAUSE, Verb.RESUME):
                    try:
                        town.control.act(verb, task.id, actor="bob")
                    except VerbNotPossible as error:
                        refused.append(error)

        threads = [threading.Thread(target=hammer) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        town.control.get(task.id)
        if town.control.get(task.id).state is State.PAUSED:
            town.control.act(Verb.RESUME, task.id, actor="bob")
        ended = at_state(town, task, State.SUCCEEDED)
        assert all(e.extra["task_status"] == "succeeded" for e in refused)
        assert numbers(town, ended) == list(range(1, 31))


def test_throttle_gives_the_slot_back_and_comes_again(town: House) -> None:
    task = at_state(town, begin(town, steps=6, throttle_at=3), State.SUCCEEDED)
    assert task.attempt == 2
    assert numbers(town, task) == [1, 2, 3, 4, 5, 6]
    events = town.control.events(task.id)
    assert next(e for e in events if e.event == "interrupted").reason == "it asked to come again later"


def test_many_tasks_by_filter(town: House) -> None:
    made = [begin(town, "test.plain", steps=400) for _ in range(3)]
    outcomes = town.control.act_many(Verb.STOP, TaskFilter(kind="test.plain"), actor="bob", reason="all of them")
    changed = {o.task.id for o in outcomes if o.changed}
    assert {t.id for t in made} <= changed
    assert all(o.error is not None for o in outcomes if o.task.state is State.SUCCEEDED)
    for task in made:
        at_state(town, task, State.STOPPED)


def test_waiting_for_a_change(town: House) -> None:
    task = begin(town, steps=50, nap=0.05)
    first = town.control.wait(task.id, None, 10)
    assert first.version > task.version
    again = town.control.wait(task.id, first.version, 10)
    assert again.version > first.version
    town.control.act(Verb.STOP, task.id, actor="bob")


def test_the_same_idempotency_key_gives_the_same_task(town: House) -> None:
    one, created = town.control.submit("test.count", {"steps": 1}, actor="ann", idempotency_key="k1")
    two, again = town.control.submit("test.count", {"steps": 1}, actor="ann", idempotency_key="k1")
    assert (created, again, one.id == two.id) == (True, False, True)


def test_terminate_takes_the_lease_at_the_first_try_however_busy_the_task_is(town: House) -> None:
    """Its connections are ended after its lease is gone, not before: else it would notice and pass its task on."""
    for _ in range(5):
        task = reached(town, begin(town, steps=5000, nap=0.0), 20)
        ended = town.control.act(Verb.TERMINATE, task.id, actor="bob")
        assert ended.state in (State.REVERTING, State.TERMINATED)
        at_state(town, task, State.TERMINATED)
        claims = [e for e in town.control.events(task.id) if e.event == "claimed" and e.data["state"] == "running"]
        assert len(claims) == 1
