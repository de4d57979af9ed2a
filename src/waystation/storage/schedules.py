"""The table `schedules`: one typed function a query of schedules.sql."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from waystation.model import JsonValue, Schedule
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load

SQL = load("schedules")
_FIELDS = [f.name for f in fields(Schedule)]


def _schedule(row: Row) -> Schedule:
    return Schedule(**{name: row[name] for name in _FIELDS})


def every_schedule(connection: Connection) -> list[Schedule]:
    """All of them by name."""
    return [_schedule(r) for r in every(connection, SQL["all"])]


def get(connection: Connection, name: str) -> Schedule | None:
    """One, if it is there."""
    row = one(connection, SQL["get"], name=name)
    return _schedule(row) if row else None


def put(connection: Connection, *, params: Mapping[str, JsonValue], secrets: Mapping[str, str], **values: Any) -> Schedule:
    """A new one, or another one under its name."""
    row = one(connection, SQL["put"], params=Jsonb(params), secrets=Jsonb(secrets) if secrets else None, **values)
    assert row is not None
    return _schedule(row)


def delete(connection: Connection, name: str) -> bool:
    """It is no more; False if it was not there."""
    return run(connection, SQL["delete"], name=name) > 0


def set_held(connection: Connection, name: str, *, held: bool, next_at: datetime) -> Schedule | None:
    """Held, or let go on from `next_at`; None if it was not there."""
    row = one(connection, SQL["set_held"], name=name, held=held, next_at=next_at)
    return _schedule(row) if row else None


def hold(connection: Connection, name: str, *, note: str) -> None:
    """It starts nothing more, and says why."""
    run(connection, SQL["hold"], name=name, note=note)


def due(connection: Connection) -> tuple[Schedule, dict[str, str]] | None:
    """One that is due, with the secrets of its parameters; its row is locked until the transaction ends."""
    row = one(connection, SQL["due"])
    return (_schedule(row), row["secrets"] or {}) if row else None


def done(
    connection: Connection,
    name: str,
    *,
    next_at: datetime,
    last_at: datetime | None,
    last_task: UUID | None,
    note: str | None,
) -> None:
    """What became of it at its time."""
    run(connection, SQL["done"], name=name, next_at=next_at, last_at=last_at, last_task=last_task, note=note)
