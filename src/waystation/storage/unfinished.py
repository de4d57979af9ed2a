"""The table `unfinished_uploads`: files that come in pieces, and how much of each is here."""

from __future__ import annotations

from dataclasses import fields
from uuid import UUID

from waystation.model import UnfinishedUpload
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load

SQL = load("unfinished")


def _unfinished(row: Row) -> UnfinishedUpload:
    return UnfinishedUpload(**{f.name: row[f.name] for f in fields(UnfinishedUpload)})


def insert(
    connection: Connection, *, id: UUID, name: str, path: str, size: int, metadata: str, created_by: str, seconds: float
) -> UnfinishedUpload:
    """A file is announced; it waits for bytes for so many seconds."""
    row = one(
        connection,
        SQL["insert"],
        id=id,
        name=name,
        path=path,
        size=size,
        metadata=metadata,
        created_by=created_by,
        seconds=seconds,
    )
    assert row is not None
    return _unfinished(row)


def get(connection: Connection, id: UUID) -> UnfinishedUpload | None:
    """One unfinished upload."""
    row = one(connection, SQL["get"], id=id)
    return _unfinished(row) if row else None


def claim(connection: Connection, id: UUID, received: int, *, seconds: float) -> UnfinishedUpload | None:
    """Begin a new attempt to send what follows the first `received` bytes; None if that is not where it stands."""
    row = one(connection, SQL["claim"], id=id, received=received, seconds=seconds)
    return _unfinished(row) if row else None


def advance(connection: Connection, id: UUID, attempt: int, received: int, *, seconds: float) -> UnfinishedUpload | None:
    """So much is here for good; None when another attempt has taken over, or the upload is gone."""
    row = one(connection, SQL["advance"], id=id, attempt=attempt, received=received, seconds=seconds)
    return _unfinished(row) if row else None


def complete(connection: Connection, id: UUID, attempt: int) -> bool:
    """Take it out of the table, whole; False when it is not, or is no longer this attempt's."""
    return one(connection, SQL["complete"], id=id, attempt=attempt) is not None


def delete(connection: Connection, id: UUID) -> bool:
    """Give it up; False if it is not there."""
    return run(connection, SQL["delete"], id=id) > 0


def expire(connection: Connection) -> list[UnfinishedUpload]:
    """Give up those that have waited too long: what they were."""
    return [_unfinished(r) for r in every(connection, SQL["expire"])]
