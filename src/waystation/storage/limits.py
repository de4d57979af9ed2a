"""The table `limits`: how many tasks of a kind, a dataset or a queue may run at a time, and which are held for now."""

from __future__ import annotations

from dataclasses import fields

from waystation.model import Limit
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load

SQL = load("limits")


def _limit(row: Row) -> Limit:
    return Limit(**{f.name: row[f.name] for f in fields(Limit)})


def every_limit(connection: Connection) -> list[Limit]:
    """All that is set."""
    return [_limit(r) for r in every(connection, SQL["all"])]


def put(
    connection: Connection, *, scope: str, name: str, running: int | None, held: bool, reason: str | None, set_by: str
) -> Limit | None:
    """Set what is wanted of a kind, a dataset or a queue; with neither a limit nor a hold, nothing is."""
    if running is None and not held:
        run(connection, SQL["delete"], scope=scope, name=name)
        return None
    row = one(connection, SQL["put"], scope=scope, name=name, running=running, held=held, reason=reason, set_by=set_by)
    return _limit(row) if row else None
