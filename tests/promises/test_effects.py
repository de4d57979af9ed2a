"""What a kind does outside the database: remembered before it is done, taken back latest first, and left only with a reason."""

from __future__ import annotations

import os
import signal
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel

from tests.support import at_state, timeline, wait_until
from waystation.errors import LeaseLost
from waystation.model import State, Task, Verb
from waystation.runner import Attempt, Shop
from waystation.sdk import Context, Effect, Retry, Steps, task
from waystation.storage import tasks
from waystation.wiring import House

# The world outside is a table that is written on a connection of its own: what is there is there, whatever becomes of the task.
WORLD = "CREATE TABLE IF NOT EXISTS public.world (id bigint GENERATED ALWAYS AS IDENTITY, what text, key text, gone int)"
TOWN = {"kinds": ("tests.promises.test_effects",), "slots": 2}


class WorldParams(BaseModel):
    """Where the world is, and what goes wrong."""

    url: str
    things: int = 5
    kill_before: int | None = None  # written down, and not done
    kill_after: int | None = None  # done, and not answered
    fail_after: int | None = None  # done, and the kind fails before its yield
    stubborn: dict[int, int] = {}  # thing: how often it refuses to go; -1 for ever
    own_undo: bool = False


def outside(params: WorldParams, query: str, values: tuple[object, ...] = ()) -> list[dict[str, Any]]:
    with psycopg.connect(params.url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        found = connection.execute(query.encode(), values)
        return found.fetchall() if found.description else []


@task("world.make", unit="things", call_timeout=0.2)
def make(ctx: Context, params: WorldParams, cursor: int = 0) -> Steps:
    """Make things in the world."""
    for n in ctx.each(range(1, params.things + 1), cursor):
        effect = ctx.remember({"thing": n})
        if n == params.kill_before and ctx.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if not effect.known:
            insert = "INSERT INTO public.world (what, key) VALUES (%s, %s) RETURNING id"
            made = outside(params, insert, (f"thing {n}", effect.key))[0]["id"]
            if n == params.kill_after and ctx.attempt == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            effect.keep(made)
        if n == params.fail_after and ctx.attempt == 1:
            raise RuntimeError(f"told to fail at {n}")
        yield ctx.checkpoint()


@make.reverse(retry=Retry(on=Exception, times=2, first=0.05, jitter=0))
def unmake(ctx: Context, params: WorldParams, effect: Effect) -> None:
    """Take a thing out of the world; without its id, by its key."""
    n = effect.record["thing"]
    refused = outside(params, "SELECT count(*) AS times FROM public.world WHERE what = %s", (f"refusal {n}",))[0]["times"]
    if refused < params.stubborn.get(n, 0) or params.stubborn.get(n) == -1:
        outside(params, "INSERT INTO public.world (what, key, gone) VALUES (%s, %s, 0)", (f"refusal {n}", effect.key))
        raise ConnectionError(f"thing {n} does not want to go")
    which, value = ("id", effect.answer) if effect.known else ("key", effect.key)
    order = "nextval(pg_get_serial_sequence('public.world', 'id'))"
    outside(params, f"UPDATE public.world SET gone = {order} WHERE {which} = %s AND gone IS NULL", (value,))


def begin(town: House, **params: object) -> Task:
    url = town.settings.database_url
    assert url
    outside(WorldParams(url=url), WORLD)
    made, _ = town.control.submit("world.make", {"url": url, **params}, actor="ann")
    return made


def world(town: House, task: Task) -> list[dict[str, Any]]:
    """The things that a task ever made, in the order in which they were made."""
    query = "SELECT what, gone FROM public.world WHERE starts_with(key, %s) AND what LIKE 'thing%%' ORDER BY id"
    return outside(WorldParams(url=town.settings.database_url or ""), query, (str(task.id),))


def names(town: House, task: Task) -> list[str]:
    return [thing["what"] for thing in world(town, task)]


def standing(town: House, task: Task) -> list[str]:
    return [thing["what"] for thing in world(town, task) if thing["gone"] is None]


def written(town: House, task: Task) -> list[dict[str, Any]]:
    """What the table says of a task's effects."""
    with town.database.transaction() as connection:
        return connection.execute("SELECT * FROM effects WHERE task = %s ORDER BY id", (task.id,)).fetchall()


def test_what_is_done_is_known_with_the_step_and_taken_back_latest_first(town: House) -> None:
    made = at_state(town, begin(town), State.SUCCEEDED)
    assert [(e["record"], e["known"]) for e in written(town, made)] == [({"thing": n}, True) for n in range(1, 6)]
    town.control.act(Verb.UNDO, made.id, actor="ann")
    undone = at_state(town, made, State.UNDONE)
    order = [thing["gone"] for thing in world(town, made)]
    assert order == sorted(order, reverse=True)
    assert (undone.counts, undone.leftovers, undone.revert_done) == ({"reversed": 5, "left": 0}, [], 5)
    assert written(town, made) == [], "nobody asks for them any more"


def test_killed_after_the_note_and_before_the_effect_it_makes_the_thing_once(town: House) -> None:
    made = at_state(town, begin(town, kill_before=3), State.SUCCEEDED)
    assert names(town, made) == [f"thing {n}" for n in range(1, 6)]


@pytest.mark.parametrize("where", ["kill_before", "kill_after"])
def test_killed_between_note_and_answer_and_stopped_at_once_nothing_is_left(town: House, where: str) -> None:
    made = begin(town, **{where: 3})
    wait_until(lambda: len(written(town, made)) == 3, 30)
    town.control.act(Verb.STOP, made.id, actor="ann")
    stopped = at_state(town, made, State.STOPPED)
    assert standing(town, made) == []
    assert stopped.counts == {"reversed": 3, "left": 0}, "the one that may never have happened too"
    assert stopped.leftovers == []


def test_what_is_known_outlives_the_error_of_its_step(town: House) -> None:
    made = at_state(town, begin(town, fail_after=3), State.FAILED)
    assert [e["known"] for e in written(town, made)] == [True, True, True]
    town.control.act(Verb.RETRY, made.id, actor="ann")
    at_state(town, made, State.SUCCEEDED)
    assert names(town, made) == [f"thing {n}" for n in range(1, 6)], "the third was not made again"


def test_what_refuses_to_go_is_tried_again_and_left_with_its_reason_in_the_end(town: House) -> None:
    made = at_state(town, begin(town, stubborn={2: 2, 4: -1}), State.SUCCEEDED)
    town.control.act(Verb.UNDO, made.id, actor="ann", reason="all wrong")
    undone = at_state(town, made, State.UNDONE, timeout=60)
    assert standing(town, made) == ["thing 4"]
    assert undone.counts == {"reversed": 4, "left": 1}
    [left] = undone.leftovers
    assert left == {"record": {"thing": 4}, "answer": left["answer"], "tries": 3, "why": left["why"]}
    assert left["why"] == "ConnectionError: thing 4 does not want to go"
    assert "interrupted" in timeline(town, made), "it waited without a slot"


def test_a_terminate_lists_what_it_leaves_and_an_undo_takes_it_back(town: House) -> None:
    made = at_state(town, begin(town, fail_after=3), State.FAILED)
    town.control.act(Verb.TERMINATE, made.id, actor="ann")
    ended = at_state(town, made, State.TERMINATED)
    assert standing(town, made) == ["thing 1", "thing 2", "thing 3"]
    assert [entry["record"] for entry in ended.leftovers] == [{"thing": n} for n in (3, 2, 1)]
    assert ended.leftovers[0]["why"] == "Terminated: it was not taken back."
    town.control.act(Verb.UNDO, made.id, actor="ann")
    undone = at_state(town, made, State.UNDONE)
    assert (standing(town, made), undone.leftovers) == ([], [])


def test_a_taking_back_can_be_paused_and_goes_on(town: House) -> None:
    made = at_state(town, begin(town, things=60), State.SUCCEEDED)
    town.control.act(Verb.UNDO, made.id, actor="ann")
    wait_until(lambda: town.control.get(made.id).revert_done >= 5, 30)
    town.control.act(Verb.PAUSE, made.id, actor="ann")
    paused = at_state(town, made, State.PAUSED)
    assert len(standing(town, made)) == 60 - paused.revert_done
    assert (paused.revert_total, 0 < paused.revert_done < 60) == (60, True)
    town.control.act(Verb.RESUME, made.id, actor="ann")
    at_state(town, made, State.UNDONE)
    assert standing(town, made) == []


def test_an_attempt_that_has_lost_its_task_notes_nothing_and_so_does_nothing(house: House) -> None:
    house.registry.add(make)
    begun = begin(house)
    shop = Shop(house.database, house.registry, house.files, house.settings, "w", ring=lambda queue: True)
    with house.database.connect("ws:test") as connection:
        claimed = tasks.claim(connection, queue="default", lease=60, worker="w", message="m")
        assert claimed is not None
        connection.commit()
        attempt = Attempt(shop, connection, claimed)
        attempt.lease.renewed(0.0, float("inf"))
        assert attempt.ctx.remember({"thing": 1}).key == attempt.ctx.idempotency_key({"thing": 1})
        house.control.act(Verb.TERMINATE, begun.id, actor="ann")
        with pytest.raises(LeaseLost):
            attempt.ctx.remember({"thing": 2})
        assert [e["record"] for e in written(house, begun)] == [{"thing": 1}]
        attempt.book.close()


def test_the_last_answers_are_kept_by_the_next_note(house: House) -> None:
    house.registry.add(make)
    begun = begin(house)
    shop = Shop(house.database, house.registry, house.files, house.settings, "w", ring=lambda queue: True)
    with house.database.connect("ws:test") as connection:
        claimed = tasks.claim(connection, queue="default", lease=60, worker="w", message="m")
        assert claimed is not None
        connection.commit()
        attempt = Attempt(shop, connection, claimed)
        attempt.lease.renewed(0.0, float("inf"))
        attempt.ctx.remember("one").keep({"id": 1})
        assert [e["known"] for e in written(house, begun)] == [False]
        attempt.ctx.remember("two")
        assert [(e["known"], e["answer"]) for e in written(house, begun)] == [(True, {"id": 1}), (False, None)]
        attempt.book.close()
