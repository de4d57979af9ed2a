"""What is made of tasks for many who look: once for each version."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from waystation.web.made import Made, MadeInTurn


@dataclass
class Seen:
    """All of a task that counts here."""

    id: UUID
    version: int


def test_a_task_is_made_anew_only_when_it_has_changed() -> None:
    calls: list[Any] = []
    made = Made(lambda task: calls.append(task) or f"v{task.version}")  # type: ignore[func-returns-value]
    one, other = Seen(uuid4(), 1), Seen(uuid4(), 1)
    assert made.of([one, other]) == ["v1", "v1"]  # type: ignore[list-item]
    one = Seen(one.id, 2)
    assert made.of([one, other]) == ["v2", "v1"]  # type: ignore[list-item]
    assert len(calls) == 3


def test_those_who_come_while_it_is_made_wait_for_it() -> None:
    begun, calls = threading.Event(), []
    second_called = threading.Event()

    def make(task: Any) -> str:
        calls.append(task)
        begun.set()
        second_called.wait(0.3)  # a second call would come now
        if len(calls) > 1:
            second_called.set()
        return "made"

    made, task, got = Made(make), Seen(uuid4(), 1), []
    both = [threading.Thread(target=lambda: got.extend(made.of([task]))) for _ in range(2)]  # type: ignore[list-item]
    both[0].start()
    assert begun.wait(10)
    both[1].start()
    for thread in both:
        thread.join(10)
    assert (got, len(calls)) == (["made", "made"], 1)


def test_what_needs_long_holds_up_nobody_who_looks_at_another_task() -> None:
    made: MadeInTurn[str] = MadeInTurn()
    slow, quick = Seen(uuid4(), 2), Seen(uuid4(), 1)
    met = threading.Barrier(2, timeout=10)

    def make(task: Any, last: str | None) -> str:
        if task is slow:
            met.wait()  # the other task's is made while this one still waits
        return f"{last} then v{task.version}"

    waiting = threading.Thread(target=lambda: made.of(slow, make))  # type: ignore[arg-type]
    waiting.start()
    assert made.of(quick, make) == "None then v1"  # type: ignore[arg-type]
    met.wait()
    waiting.join(10)
    assert made.of(Seen(slow.id, 1), make) == "None then v2", "an older version has the newer's"  # type: ignore[arg-type]
    assert made.of(Seen(slow.id, 3), make) == "None then v2 then v3"  # type: ignore[arg-type]
