"""The SDK: wrong kinds are refused when they are written, and play() runs a kind without a server."""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from waystation.errors import InvalidParams, KindNotFound, WrongKind
from waystation.sdk import Checkpoint, Context, Kind, Retry, Steps, task
from waystation.sdk.kind import Registry
from waystation.sdk.steps import Finished, Left, drive
from waystation.sdk.testing import play


class Params(BaseModel):
    """How far."""

    upto: int = 5


@task("sum.up")
def sum_up(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Add numbers.

    More words that are not the summary.
    """
    for n in range(cursor, params.upto):
        if n == 2:
            ctx.log("two")
        yield Checkpoint(cursor=n + 1, done=n + 1, total=params.upto)
    return {"sum": sum(range(params.upto))}


def test_play_runs_to_the_end() -> None:
    played = play(sum_up, {"upto": 3})
    assert [c.done for c in played.checkpoints] == [1, 2, 3]
    assert (played.finished, played.value, played.log) == (True, {"sum": 3}, ["two"])


def test_play_stops_and_goes_on_by_cursor() -> None:
    first = play(sum_up, {"upto": 5}, stop_after=2)
    assert (first.finished, first.cursor) == (False, 2)
    second = play(sum_up, {"upto": 5}, cursor=first.cursor)
    assert [c.cursor for c in second.checkpoints] == [3, 4, 5]


def test_a_cursor_that_json_cannot_hold_fails_on_the_authors_desk() -> None:
    @task("bad.cursor")
    def bad(ctx: Context, params: Params, cursor: object = None) -> Steps:
        yield Checkpoint(cursor=object())

    with pytest.raises(WrongKind, match="JSON"):
        play(bad, {})


def test_a_yield_of_nonsense_is_named() -> None:
    @task("bad.yield")
    def bad(ctx: Context, params: Params, cursor: object = None) -> Steps:
        yield lambda: None  # type: ignore[misc]

    with pytest.raises(WrongKind, match="function"):
        play(bad, {})


def not_a_generator(ctx: Context, params: Params, cursor: int = 0) -> None: ...


def no_model(ctx: Context, params: dict[str, int], cursor: int = 0) -> Iterator[Checkpoint]:
    yield Checkpoint()


def too_few(ctx: Context, params: Params) -> Iterator[Checkpoint]:
    yield Checkpoint()


async def not_plain(ctx: Context, params: Params, cursor: int = 0) -> AsyncIterator[Checkpoint]:
    yield Checkpoint()


def no_begin(ctx: Context, params: Params, cursor: int) -> Iterator[Checkpoint]:
    yield Checkpoint()


def odd_begin(ctx: Context, params: Params, cursor: object = object()) -> Iterator[Checkpoint]:
    yield Checkpoint()


class NoJson(BaseModel):
    """What no request can bring."""

    call: Callable[[], int]


def odd_params(ctx: Context, params: NoJson, cursor: int = 0) -> Iterator[Checkpoint]:
    yield Checkpoint()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (not_a_generator, "not a generator"),
        (no_model, "pydantic model"),
        (too_few, "ctx, params, cursor"),
        (not_plain, "async"),
        (no_begin, "the value that the first step begins with"),
        (odd_begin, "JSON"),
        (odd_params, "can't come as JSON"),
    ],
)
def test_a_function_that_is_no_kind_is_refused_at_once(function: object, says: str) -> None:
    with pytest.raises(WrongKind, match=says) as caught:
        task("a.kind")(function)  # type: ignore[arg-type]
    assert "@task" in caught.value.hint, "the right form is shown"


@pytest.mark.parametrize("name", ["", "Big", "a b", "1a", "a..b", "a" * 61, "x;drop"])
def test_a_kinds_name_is_checked(name: str) -> None:
    with pytest.raises(WrongKind):
        task(name)(sum_up.run)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"queue": "two words"}, "queue"),
        ({"step_timeout": 0}, "step_timeout"),
        ({"unique": "shop"}, "no parameter"),
    ],
)
def test_options_are_checked(options: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongKind, match=says):
        task("a.kind", **options)(sum_up.run)


def test_a_task_without_a_name_is_refused() -> None:
    with pytest.raises(WrongKind, match="without a name"):
        task(sum_up.run)  # type: ignore[arg-type]


def test_a_retry_waits_longer_each_time_and_is_checked() -> None:
    retry = Retry(on=(ConnectionError, TimeoutError), first=1, factor=3, longest=20, jitter=0)
    assert [retry.delay(n) for n in (1, 2, 3, 4, 1000)] == [1, 3, 9, 20, 20]
    assert [retry.meant(e) for e in (ConnectionResetError(), TimeoutError(), ValueError())] == [True, True, False]
    spread = {Retry(on=ValueError, jitter=0.5).delay(1) for _ in range(20)}
    assert len(spread) > 1
    assert all(1 <= delay <= 1.5 for delay in spread)
    for wrong in ({"on": "ValueError"}, {"on": ()}, {"on": ValueError, "times": 0}, {"on": ValueError, "factor": 0.5}):
        with pytest.raises(WrongKind) as caught:
            Retry(**wrong)
        assert "retry=Retry(on=" in caught.value.hint


@task("each.one")
def each_one(ctx: Context, params: Params, cursor: int = 0) -> Steps:
    """Go through a list."""
    for n in ctx.each(range(params.upto), cursor):
        yield ctx.checkpoint(even=n // 2 + 1)


def test_each_keeps_the_place() -> None:
    first = play(each_one, {"upto": 4}, stop_after=2)
    assert [(c.cursor, c.done, c.total, c.counts) for c in first.checkpoints] == [
        (1, 1, 4, {"even": 1}),
        (2, 2, 4, {"even": 1}),
    ]
    assert [c.done for c in play(each_one, {"upto": 4}, cursor=first.cursor).checkpoints] == [3, 4]


def test_a_checkpoint_without_a_place_shows_the_right_form() -> None:
    @task("no.place")
    def no_place(ctx: Context, params: Params, cursor: int = 0) -> Steps:
        yield ctx.checkpoint()

    with pytest.raises(WrongKind, match="no place to keep"):
        play(no_place, {})


def test_changeable_must_name_parameters() -> None:
    with pytest.raises(WrongKind, match="nothing"):
        task("a.kind", changeable=("nothing",))(sum_up.run)


def test_two_kinds_of_one_name_are_refused() -> None:
    other = task("sum.up")(sum_up.run)
    with pytest.raises(WrongKind, match="Two kinds"):
        Registry([sum_up, other])


def test_the_registry_finds_kinds_in_modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = types.ModuleType("some_kinds")
    module.one = sum_up  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_kinds", module)
    registry = Registry.load(["some_kinds"])
    assert registry.get("sum.up") is sum_up
    with pytest.raises(KindNotFound):
        registry.get("other")
    with pytest.raises(WrongKind, match="no_such_module"):
        Registry.load(["no_such_module"])
    (tmp_path / "broken_kinds.py").write_text("nonsense")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WrongKind, match=r"broken_kinds.*NameError.*nonsense"):
        Registry.load(["broken_kinds"])


def test_what_the_api_tells_of_a_kind() -> None:
    info = sum_up.info()
    assert (info.name, info.summary, info.undoable) == ("sum.up", "Add numbers.", False)
    assert info.schema["properties"]["upto"]["default"] == 5


def test_wrong_params_name_the_field_and_never_echo_the_input() -> None:
    with pytest.raises(InvalidParams) as caught:
        sum_up.parse({"upto": "secret-word"})
    assert "upto" in caught.value.detail
    assert "secret-word" not in str(caught.value.problem())


def test_an_undo_makes_a_kind_undoable() -> None:
    kind = Kind("a.kind", sum_up.run)

    @kind.undo
    def back(ctx: Context, params: Params, cursor: int = 0) -> Steps:
        yield Checkpoint()

    assert kind.info().undoable
    with pytest.raises(WrongKind):
        kind.undo(not_a_generator)  # type: ignore[arg-type]


def test_drive_closes_the_generator_whatever_happens() -> None:
    closed: list[str] = []

    def steps() -> Steps:
        try:
            yield Checkpoint(cursor=1)
            yield Checkpoint(cursor=2)
        finally:
            closed.append("yes")

    assert drive(steps(), lambda point: point.cursor < 2) == Left()
    assert drive(steps(), lambda point: True) == Finished(None)
    with pytest.raises(ZeroDivisionError):
        drive(steps(), lambda point: bool(1 // 0))
    assert closed == ["yes"] * 3
