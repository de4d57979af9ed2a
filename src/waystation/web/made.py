"""What is made of a task for everybody who looks at it: once for each version of it, however many look at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar
from uuid import UUID

from waystation.model import Task

_KEPT = 2000  # tasks of which something is kept

T = TypeVar("T")


class Made(Generic[T]):
    """What `make` makes of tasks, kept until a task has changed. It must be the same for all who may see the task."""

    def __init__(self, make: Callable[[Task], T]) -> None:
        self._make = make
        self._kept: dict[UUID, tuple[int, T]] = {}
        self._lock = threading.Lock()

    def of(self, tasks: Iterable[Task]) -> list[T]:
        """What is made of each. All streams wake at the same change: the first makes what is new, the others wait for it."""
        with self._lock:
            return [self._one(task) for task in tasks]

    def _one(self, task: Task) -> T:
        known = self._kept.get(task.id)
        if known is None or known[0] != task.version:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            known = self._kept[task.id] = task.version, self._make(task)
        return known[1]


class MadeInTurn(Generic[T]):
    """The same for what needs the database: one who waits for it holds up only those who look at the same task.

    What is made of a newer version serves for an older one as well. `make` gets what it made last, if there is any.
    """

    def __init__(self) -> None:
        self._places: dict[UUID, _Place[T]] = {}
        self._lock = threading.Lock()

    def of(self, task: Task, make: Callable[[Task, T | None], T]) -> T:
        """What is made of the task. What `make` raises is for its caller alone: the next one tries again."""
        with self._lock:
            if task.id not in self._places and len(self._places) >= _KEPT:
                self._places.clear()
            place = self._places.setdefault(task.id, _Place())
        with place.lock:
            if place.kept is None or place.kept[0] < task.version:
                place.kept = task.version, make(task, place.kept[1] if place.kept else None)
            return place.kept[1]


class _Place(Generic[T]):
    """Where what is made of one task is kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: tuple[int, T] | None = None
