"""Attempts in this process, cut where a test wants them cut: no worker, no race."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

from waystation.model import Task
from waystation.reaper import Reaper
from waystation.runner import Shop, hear
from waystation.wiring import House


class Died(BaseException):
    """An attempt that says nothing any more: what kill -9 leaves in the database and on the disk, without a process."""


def shop_of(house: House, **changed: Any) -> Shop:
    """A worker's shop in this process; a heartbeat that finds its lease lost says so and ends nothing."""
    shop = Shop(
        database=house.database,
        registry=house.registry,
        files=house.files,
        settings=house.settings,
        worker="here",
        ring=lambda queue: True,
        exit_process=lambda: None,
    )
    return dataclasses.replace(shop, **changed)


def expire(house: House, task: Task) -> None:
    """Let the lease of a task end now."""
    with house.database.transaction() as connection:
        connection.execute("UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = %s", (task.id,))


def work(house: House) -> None:
    """Run every task that waits to its end."""
    while hear(shop_of(house), "default"):
        pass


def leave_at(house: House, checkpoint: int) -> None:
    """Run one attempt, which gives its task back at this checkpoint, from 1, if it gets so far."""
    asked = itertools.count()  # the first time before the claim
    assert hear(shop_of(house, draining=lambda: next(asked) >= checkpoint), "default")


def die_at(house: House, task: Task, checkpoint: int) -> bool:
    """Run one attempt, which dies at this checkpoint, before it is written; False if the task ended before."""
    asked = itertools.count()

    def draining() -> bool:
        if next(asked) >= checkpoint:
            raise Died
        return False

    try:
        assert hear(shop_of(house, draining=draining), "default")
    except Died:
        expire(house, task)
        Reaper(house.database, house.files, house.settings, house.bell).pass_once()
        return True
    return False


def run_cut(house: House, task: Task, cuts: Iterable[tuple[str, int]]) -> Task:
    """Run a task to its end in several attempts, each `left` or `dead` at one of its own checkpoints; the last runs through."""
    for how, checkpoint in cuts:
        if house.control.get(task.id).state.value != "queued":
            break
        if how == "left":
            leave_at(house, checkpoint)
        else:
            die_at(house, task, checkpoint)
    work(house)
    return house.control.get(task.id)
