"""The table `workers`: who has been heard of lately, and with how many slots."""

from __future__ import annotations

from waystation.model import Worker
from waystation.storage.db import Connection, every, run
from waystation.storage.queries import load

SQL = load("workers")


def announce(connection: Connection, *, id: str, host: str, pid: int, slots: int, draining: bool) -> None:
    """A sign of life of a worker."""
    run(connection, SQL["announce"], id=id, host=host, pid=pid, slots=slots, draining=draining)


def leave(connection: Connection, id: str) -> None:
    """The worker has ended."""
    run(connection, SQL["leave"], id=id)


def living(connection: Connection, within: float) -> list[Worker]:
    """Workers heard of within so many seconds, with the number of attempts that each runs."""
    rows = every(connection, SQL["living"], within=within)
    return [Worker(r["id"], r["host"], r["pid"], r["slots"], r["busy"], r["seen_at"], r["draining"]) for r in rows]


def forget(connection: Connection, seconds: float) -> None:
    """Workers that were not heard of for so long are no longer listed."""
    run(connection, SQL["forget"], seconds=seconds)
