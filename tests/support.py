"""What every test may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tests.kinds import TABLE
from waystation.model import State, Task
from waystation.states import FINAL
from waystation.wiring import House

T = TypeVar("T")


def wait_until(fact: Callable[[], T], timeout: float = 10.0, every: float = 0.02) -> T:
    """Ask for a fact until it is true, and return it. Fails, naming the fact, when it is not true after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = fact()
        if found:
            return found
        assert time.monotonic() < deadline, f"not true after {timeout} s: {getattr(fact, '__qualname__', fact)}"
        time.sleep(every)


def at_state(house: House, task: Task, *wanted: State, timeout: float = 30) -> Task:
    """Wait until a task is in one of these states, and give it."""

    def there() -> Task | None:
        now = house.control.get(task.id)
        return now if now.state in wanted else None

    return wait_until(there, timeout) or task


def reached(house: House, task: Task, done: int, timeout: float = 30) -> Task:
    """Wait until a task has done so much, and give it."""

    def there() -> Task | None:
        now = house.control.get(task.id)
        assert now.state not in FINAL, f"{now.state} before {done}: {now.error}"
        return now if now.done >= done else None

    return wait_until(there, timeout) or task


def timeline(house: House, task: Task) -> list[str]:
    """The words of a task's timeline."""
    return [e.event for e in house.control.events(task.id)]


def numbers(house: House, task: Task) -> list[int]:
    """What the counting kind wrote for a task, in order."""
    with house.database.transaction() as connection:
        connection.execute(TABLE)
        rows = connection.execute("SELECT n FROM public.counted WHERE task = %s ORDER BY n", (task.id,))
        return [r["n"] for r in rows]
