"""The tables `webhooks` and `deliveries`: one typed function a query of webhooks.sql."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from waystation.model import Delivery, JsonValue, Webhook
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load

SQL = load("webhooks")


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery to be made now: where to, what, and what it is signed with."""

    id: int
    webhook: str
    tries: int
    url: str
    secret: str
    body: dict[str, JsonValue]


def _webhook(row: Row) -> Webhook:
    values: dict[str, Any] = {f.name: row[f.name] for f in fields(Webhook)}
    values["states"] = tuple(row["states"])
    return Webhook(**values)


def every_webhook(connection: Connection) -> list[Webhook]:
    """All of them by name."""
    return [_webhook(r) for r in every(connection, SQL["all"])]


def put(connection: Connection, *, states: Sequence[str], **values: Any) -> tuple[Webhook, str | None]:
    """A new one, or another one under its name, with its secret if that is the `fresh` one."""
    row = one(connection, SQL["put"], states=list(states), **values)
    assert row is not None
    return _webhook(row), row["secret"] if row["is_new"] else None


def hurry(connection: Connection, webhook: str, url: str) -> None:
    """If it had another address until now, what waits for it is due at once."""
    run(connection, SQL["hurry"], webhook=webhook, url=url)


def delete(connection: Connection, name: str) -> None:
    """It is no more, and what was on its way to it is given up."""
    run(connection, SQL["delete"], name=name)


def deliveries(connection: Connection, webhook: str, limit: int) -> list[Delivery]:
    """Its latest deliveries, newest first."""
    rows = every(connection, SQL["deliveries"], webhook=webhook, limit=limit)
    return [Delivery(**{f.name: r[f.name] for f in fields(Delivery)}) for r in rows]


def take(connection: Connection, *, lease: float) -> Taken | None:
    """One that is due, for the next `lease` seconds."""
    row = one(connection, SQL["take"], lease=lease)
    return Taken(**{f.name: row[f.name] for f in fields(Taken)}) if row else None


def delivered(connection: Connection, taken: Taken, status: int) -> None:
    """It has arrived."""
    run(connection, SQL["delivered"], id=taken.id, tries=taken.tries, status=status)


def failed(connection: Connection, taken: Taken, *, status: int | None, error: str, delay: float | None) -> None:
    """It has not arrived: it comes again after `delay` seconds, or is given up (None)."""
    run(connection, SQL["failed"], id=taken.id, tries=taken.tries, status=status, error=error[:500], delay=delay)


def forget(connection: Connection, seconds: float) -> None:
    """Drop what ended longer ago than so many seconds."""
    run(connection, SQL["forget"], seconds=seconds)


def forget_label(connection: Connection, task: UUID) -> None:
    """The name of this task's file is no more in what was told of it, or is to be."""
    run(connection, SQL["forget_label"], task=task)
