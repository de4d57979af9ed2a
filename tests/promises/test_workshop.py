"""The fixture `waystation` for authors' tests: a real database and attempts that are really killed, without a broker."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from tests.kinds import TABLE, count, plain
from waystation.errors import WrongKind
from waystation.model import State
from waystation.sdk import Checkpoint, Context, Retry, Steps, task
from waystation.workshop import NotDone, Workshop


class Params(BaseModel):
    """What to write."""

    lines: int = 5


@task("lines.write", unit="lines", undoable=True, retry=Retry(on=ConnectionError, first=0.01))
def lines(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Write lines, and lose a connection on the way."""
    out = ctx.open_result("lines.txt")
    for n in ctx.each(range(params.lines), cursor):
        out.write(f"line {n}\n".encode())
        if n == 3 and ctx.attempt < 3:
            raise ConnectionError
        yield ctx.checkpoint()


def counted(waystation: Workshop) -> list[int]:
    return [row["n"] for row in waystation.db.execute("SELECT n FROM public.counted ORDER BY n")]


@pytest.mark.parametrize("kill", [{"kill_after": 3}, pytest.param({"kill_before": 3}, marks=pytest.mark.long)], ids=str)
def test_a_kill_costs_one_step_at_most(waystation: Workshop, kill: dict[str, int]) -> None:
    waystation.db.execute(TABLE)
    done = waystation.run(count, {"steps": 6}, **kill)
    assert (done.state, done.attempt, counted(waystation)) == (State.SUCCEEDED, 2, [1, 2, 3, 4, 5, 6])
    attempts = [row["attempt"] for row in waystation.db.execute("SELECT attempt FROM public.counted ORDER BY n")]
    assert attempts == ([1, 1, 1, 2, 2, 2] if "kill_after" in kill else [1, 1, 2, 2, 2, 2])
    assert "lease lost" in waystation.timeline(done)
    undone = waystation.undo(done, kill_after=2)
    assert (undone.state, counted(waystation)) == (State.UNDONE, [])


def test_results_retries_and_stops(waystation: Workshop) -> None:
    done = waystation.run(lines)
    assert waystation.result(done) == b"".join(f"line {n}\n".encode() for n in range(5))
    assert done.attempt == 3
    assert waystation.undo(done).state is State.UNDONE
    assert waystation.stop(waystation.start(lines)).state is State.STOPPED


def test_what_the_fixture_can_not_do_is_said(waystation: Workshop) -> None:
    @task("inner")
    def inner(ctx: Context, params: Params, cursor: int = 0) -> Steps:
        yield Checkpoint(cursor=1)

    with pytest.raises(WrongKind, match="no name of a module"):
        waystation.run(inner)
    waystation.db.execute(TABLE)
    with pytest.raises(NotDone, match="queued after 0 s"):
        waystation.run(plain, {}, timeout=0)


def test_each_test_has_a_database_of_its_own(waystation: Workshop) -> None:
    assert waystation.db.execute("SELECT count(*) AS n FROM tasks").fetchone() == {"n": 0}
