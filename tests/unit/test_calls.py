"""ctx.map, the lease and the names of items: in order, bounded, once for each name, and never when the lease is not sure."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from tests.support import wait_until
from waystation.errors import LeaseLost, WrongKind
from waystation.sdk import Retry, Row
from waystation.sdk.calls import Calls, mapped
from waystation.sdk.effects import Effects, item_name
from waystation.sdk.lease import Lease
from waystation.sdk.testing import PlayBook

TASK = UUID(int=7)


class Notes(PlayBook):
    """A book in memory that knows answers from earlier attempts, and says what was written together."""

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        super().__init__([])
        self.known = dict(known or {})
        self.groups: list[list[str]] = []

    def write(self, new: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, tuple[bool, Any]]:
        self.groups.append(list(new))
        self.known.update(answers)
        return {item: (item in self.known, self.known.get(item)) for item in new}


def outside(book: Notes | None = None, lease: Lease | None = None) -> Effects:
    return Effects(TASK, book or Notes(), lease or Lease.endless(), 1.0, remembers=book is not None)


@pytest.fixture
def calls() -> Iterator[Calls]:
    made = Calls(Retry(on=ConnectionError, times=2, first=0.001))
    yield made
    made.close()


def through(
    calls: Calls, call: Any, items: Any, effects: Effects | None = None, workers: int = 4
) -> list[tuple[Any, Any, Any]]:
    effects = effects or outside()
    named = (lambda item: (item_name(item), item)) if effects.remembers else None
    return list(mapped(calls, effects, call, ((i, f"after {i}") for i in items), workers=workers, named=named))


# -- the order, and how many
def test_answers_come_in_the_order_of_the_items_however_long_each_takes(calls: Calls) -> None:
    def call(n: int) -> int:
        time.sleep(0.002 * (n % 3))
        return n * n

    assert through(calls, call, range(40)) == [(n, n * n, f"after {n}") for n in range(40)]


def test_no_more_calls_are_on_their_way_than_workers_and_all_of_them_are_used(calls: Calls) -> None:
    now, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(4, timeout=20)

    def call(n: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if n < 4:
            together.wait()  # goes on only if four are here at the same time
        with lock:
            now -= 1

    through(calls, call, range(40))
    assert most == 4


def test_the_items_are_read_little_further_than_they_are_needed(calls: Calls) -> None:
    read: list[int] = []

    def items() -> Iterator[tuple[int, None]]:
        for n in range(1000):
            read.append(n)
            yield n, None

    answers = mapped(calls, outside(), lambda n: n, items(), workers=4, named=None)
    for _ in range(10):
        next(answers)
    assert len(read) <= 10 + 2 * 4


# -- what is remembered
def test_a_group_is_written_down_at_once_and_before_its_calls(calls: Calls) -> None:
    book = Notes()

    def call(n: int) -> int:
        assert any(str(n) in group for group in book.groups)
        return n

    through(calls, call, range(10), outside(book))
    assert book.groups == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]


def test_what_an_earlier_attempt_knows_is_not_asked_again(calls: Calls) -> None:
    asked: list[int] = []
    found = through(calls, lambda n: asked.append(n), range(6), outside(Notes({"2": "two", "4": None})))
    assert sorted(asked) == [0, 1, 3, 5]
    assert [answer for _, answer, _ in found] == [None, None, "two", None, None, None]


def test_two_items_of_one_name_are_one_call(calls: Calls) -> None:
    asked: Counter[str] = Counter()

    def call(item: str) -> str:
        asked[item] += 1
        return item.upper()

    found = through(calls, call, ["a", "b", "a", "a", "c", "b", "d", "e", "a"], outside(Notes()))
    assert [answer for _, answer, _ in found] == ["A", "B", "A", "A", "C", "B", "D", "E", "A"]
    assert set(asked.values()) == {1}


def test_an_answer_that_json_cannot_hold_is_an_error(calls: Calls) -> None:
    with pytest.raises(WrongKind, match="answer of an effect"):
        through(calls, lambda n: object(), [1], outside(Notes()))


def test_to_remember_without_a_reverse_shows_the_right_form() -> None:
    with pytest.raises(WrongKind) as caught:
        outside().remember({"a": 1})
    assert ".reverse" in caught.value.hint


# -- errors
def test_an_error_comes_at_its_items_turn(calls: Calls) -> None:
    def call(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    answers = mapped(calls, outside(), call, ((n, None) for n in range(9)), workers=4, named=None)
    assert [next(answers)[1] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(answers)


def test_an_error_that_may_pass_is_tried_again_in_place(calls: Calls) -> None:
    tries: Counter[int] = Counter()

    def call(n: int) -> int:
        tries[n] += 1
        if n == 1 and tries[n] <= 2:
            raise ConnectionError
        if n == 2:
            raise ConnectionError("for good")
        return n

    answers = mapped(calls, outside(), call, ((n, None) for n in range(3)), workers=2, named=None)
    assert [next(answers)[1] for _ in range(2)] == [0, 1]
    with pytest.raises(ConnectionError, match="for good"):
        next(answers)
    assert tries == {0: 1, 1: 3, 2: 3}


# -- when the task is given up
def test_settle_waits_for_what_is_on_its_way_and_begins_nothing_more() -> None:
    calls, go, begun = Calls(), threading.Event(), []

    def call(n: int) -> int:
        begun.append(n)
        go.wait(20)
        return n

    answers = mapped(calls, outside(), call, ((n, None) for n in range(8)), workers=2, named=None)
    first: Future[int] = Future()
    threading.Thread(target=lambda: first.set_result(next(answers)[1])).start()
    wait_until(lambda: len(begun) == 2)
    settled = threading.Thread(target=calls.settle)
    settled.start()
    assert settled.is_alive()
    go.set()
    settled.join(20)
    assert first.result(20) == 0
    assert sorted(begun) == [0, 1], "the two that waited for a thread were not begun"
    assert [next(answers)[1] for _ in range(7)] == list(range(1, 8)), "and should the task go on after all, they are"
    calls.close()


# -- the lease
def test_a_call_needs_a_lease_that_is_sure_for_long_enough() -> None:
    asked: list[float] = []
    lease = Lease(4.0, 1.0, lambda: asked.append(lease.length))
    waiting = threading.Thread(target=lease.need, args=(10.0,))
    waiting.start()
    wait_until(lambda: asked)
    assert asked[0] == 12.5, "the renewals that follow ask for more"
    lease.renewed(time.monotonic() - 5, 12.5)  # asked for five seconds ago: seven and a half are left
    assert waiting.is_alive()
    lease.renewed(time.monotonic(), 12.5)
    waiting.join(20)
    lease.need(10.0)


def test_a_lease_is_due_again_an_interval_after_its_last_renewal() -> None:
    lease = Lease(4.0, 1.0)
    assert lease.due_in() <= 0
    asked = time.monotonic()
    lease.renewed(asked, 4.0)
    lease.renewed(asked - 0.5, 4.0)
    assert 0 < lease.due_in() <= asked + 1.0 - time.monotonic() + 0.1


def test_a_lease_that_is_lost_or_not_renewed_begins_no_call() -> None:
    lease = Lease(4.0, 1.0)
    lease.renewed(time.monotonic(), 4.0)
    lease.need(1.0)
    lease.lost()
    with pytest.raises(LeaseLost):
        lease.need(1.0)
    silent = Lease(0.1, 0.01)
    with pytest.raises(LeaseLost):
        silent.need(0.1)


def test_no_call_is_made_once_the_lease_is_lost(calls: Calls) -> None:
    lease = Lease(4.0, 1.0)
    lease.lost()
    asked: list[int] = []
    with pytest.raises(LeaseLost):
        through(calls, asked.append, [1], outside(lease=lease))
    assert asked == []


# -- names
class Model(BaseModel):
    """An item with fields."""

    day: date = date(2020, 1, 2)


def test_items_are_named_the_same_each_time_and_fit_for_a_header() -> None:
    row = Row([("name", "Ångström")], 17, 20)
    assert [item_name(i) for i in (row, "order-17", 5)] == ["row:17", "order-17", "5"]
    assert item_name({"a": 1, "b": 2}) == item_name({"b": 2, "a": 1})
    for odd in ("Ångström", "two words", "x" * 200, {"a": [1, None]}, Model(), [date(2020, 1, 2)], 1.5, None):
        assert item_name(odd).isalnum()
        assert len(item_name(odd)) == 32
    with pytest.raises(WrongKind, match="can't be told from others"):
        item_name(object())
