"""Tasks that wait for others to succeed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from waystation.model import State
from waystation.storage.db import Connection, every, one
from waystation.storage.queries import load

SQL = load("waiting")


@dataclass(frozen=True, slots=True)
class Over:
    """A task whose wait is over, since the `other` came to its end."""

    id: UUID
    other: UUID
    came_to: State


def over(connection: Connection) -> list[Over]:
    """Those whose wait is over, oldest first."""
    return [Over(r["id"], r["other"], State(r["came_to"])) for r in every(connection, SQL["over"])]


def let_begin(connection: Connection, one_of: Over) -> bool:
    """It may begin; False if somebody was first."""
    return one(connection, SQL["let_begin"], id=one_of.id, other=one_of.other) is not None
