"""Lanes: further connections of an attempt, for work beside the step's own that commits apart from its checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from waystation.errors import LeaseLost, WrongKind
from waystation.model import State
from waystation.storage import tasks
from waystation.storage.db import Connection

T = TypeVar("T")


class Lane:
    """A connection with a thread of its own, one piece of work at a time; it is opened while the first of them is made ready.

    What a lane commits stands even if the step's checkpoint does not: write with it, in the same work, a row by which the
    next attempt knows that it is done (an import's chunk has its row in the ledger). The last statement before the commit
    locks the task's row FOR SHARE as this attempt's: whoever takes the task away waits for that commit, and none comes after
    it. Do not touch in a lane what the step's own transaction has locked: the step waits for its lanes.
    """

    def __init__(self, connect: Callable[[], Connection], task: UUID, attempt: int, state: State) -> None:
        self._connect = connect
        self._holder = (task, attempt, state)
        self._db: Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"lane-{task}")
        self._opening = self._thread.submit(self._open)
        self._under_way: Future[Any] | None = None
        self.lost = False  # its connection broke: what it did last may or may not be committed
        self.asked = False  # somebody had a wish for the task at the last commit: a yield is due
        self.control_seconds = 0.0  # spent in making sure that the task is still held

    def start(self, work: Callable[[Connection], T]) -> Future[T]:
        """Do `work` in the lane's thread and commit it. It ends with LeaseLost, and nothing is committed, if the task is
        another's by then. Raises WrongKind while the work before it goes on."""
        if self._under_way is not None and not self._under_way.done():
            raise WrongKind("The lane is still at work: wait for what `start` returned before.")
        made = self._thread.submit(self._do, work)
        self._under_way = made
        return made

    def _open(self) -> None:
        self._db = self._connect()
        self._db.autocommit = False

    def _do(self, work: Callable[[Connection], T]) -> T:
        try:
            self._opening.result()
            assert self._db is not None
            made = work(self._db)
            before = time.monotonic()
            asked = tasks.fence(self._db, *self._holder)
            if asked is None:
                raise LeaseLost
            self.asked = asked
            self.control_seconds += time.monotonic() - before
            self._db.commit()
            return made
        except BaseException as error:
            if self._db is None or self._db.closed or self._db.broken:
                self.lost = isinstance(error, psycopg.Error)
            else:
                self._db.rollback()
            raise

    def rest(self) -> None:
        """Wait until nothing is under way, however it ends."""
        if self._under_way is not None:
            wait([self._under_way])

    def close(self) -> None:
        """Wait until nothing is under way, and let go of the connection."""
        self._thread.shutdown()
        if self._db is not None:
            self._db.close()
