"""What is made of a task for everybody who looks at it: once for each version of it, however many look at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from uuid import UUID

from waystation.model import Task

_KEPT = 2000  # tasks whose text is kept


class Made:
    """The text that `make` makes of tasks, kept until a task has changed. It must be the same for all who may see the task."""

    def __init__(self, make: Callable[[Task], str]) -> None:
        self._make = make
        self._kept: dict[UUID, tuple[int, str]] = {}
        self._lock = threading.Lock()

    def of(self, tasks: Iterable[Task]) -> list[str]:
        """The text of each. All streams wake at the same change: the first makes what is new, the others wait for it."""
        with self._lock:
            return [self._text(task) for task in tasks]

    def _text(self, task: Task) -> str:
        known = self._kept.get(task.id)
        if known is None or known[0] != task.version:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            known = self._kept[task.id] = task.version, self._make(task)
        return known[1]
