"""What every test may need."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from typing import TypeVar

import psutil
from psycopg import sql

from waystation.csvio import people
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
        if now.state in wanted:
            return now
        assert now.state not in (State.FAILED, State.STOPPED, State.TERMINATED), f"{now.state}: {now.error}"
        return None

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
        rows = connection.execute("SELECT n FROM public.counted WHERE task = %s ORDER BY n", (task.id,))
        return [r["n"] for r in rows]


def send(house: House, data: bytes, name: str = "data.csv", **params: object) -> Task:
    """Upload bytes and start their import."""
    with house.control.receive(name, actor="ann") as writer:
        writer.write(data)
        upload = writer.commit()
    task, _ = house.control.submit("import", {"upload": str(upload.id), **params}, actor="ann")
    return task


def people_csv(rows: int, seed: int = 0) -> bytes:
    """A generated file: with commas, quotes and line breaks inside fields."""
    return people.HEADER + b"".join(people.blocks(rows, seed=seed))


def parsed(data: bytes) -> list[list[str | None]]:
    """What the csv module reads in a file, below its header; empty fields are null."""
    reader = csv.reader(io.StringIO(data.decode(), newline=""))
    next(reader)
    return [[cell or None for cell in row] for row in reader]


def table_rows(house: House, dataset: str) -> list[list[str | None]]:
    """What readers see of a dataset, as text, in the order of its files."""
    columns = [c.name for c in house.control.dataset(dataset).columns]
    with house.database.transaction() as connection:
        query = sql.SQL(
            "SELECT ARRAY[{}]::text[] AS row FROM datasets.{} d JOIN parts p ON p.id = d._batch"
            " JOIN batches b ON b.id = p.batch ORDER BY b.publish_no, _row"
        ).format(sql.SQL(", ").join(sql.SQL("d.{}::text").format(sql.Identifier(c)) for c in columns), sql.Identifier(dataset))
        return [r["row"] for r in connection.execute(query)]


def part_tables(house: House) -> list[str]:
    """Every table that imports have made and not dropped."""
    with house.database.transaction() as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'parts' ORDER BY 1")
        return [r["tablename"] for r in rows]


def files_of(house: House, task: Task) -> list[str]:
    """Every file that carries a task's id, or is its upload."""
    found = [str(p.relative_to(house.settings.home)) for p in house.settings.home.rglob("*") if str(task.id) in str(p)]
    upload = task.params.get("upload")
    return found + [str(p) for p in house.settings.home.rglob("*") if upload and upload in str(p)]


def children(worker: int) -> list[psutil.Process]:
    """The pool children of the worker with this process id: the processes that run attempts."""
    main = next(p for p in psutil.Process(worker).children() if "waystation.engine.main" in p.cmdline())
    return [p for p in main.children() if "resource_tracker" not in " ".join(p.cmdline())]
