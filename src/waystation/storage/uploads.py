"""The table `uploads`: files that people sent."""

from __future__ import annotations

from dataclasses import fields
from uuid import UUID

from waystation.model import Upload
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load

SQL = load("uploads")


def _upload(row: Row) -> Upload:
    return Upload(**{f.name: row[f.name] for f in fields(Upload)})


def insert(
    connection: Connection,
    *,
    id: UUID,
    name: str,
    path: str,
    size: int,
    sha256: str,
    created_by: str,
    metadata: str | None = None,
) -> Upload:
    """A file is in, and belongs to no task yet."""
    row = one(
        connection,
        SQL["insert"],
        id=id,
        name=name,
        path=path,
        size=size,
        sha256=sha256,
        created_by=created_by,
        metadata=metadata,
    )
    assert row is not None
    return _upload(row)


def get(connection: Connection, id: UUID) -> Upload | None:
    """One upload."""
    row = one(connection, SQL["get"], id=id)
    return _upload(row) if row else None


def hold(connection: Connection, id: UUID, task: UUID) -> Upload | None:
    """The task takes the upload; None when it is gone or another task has it."""
    row = one(connection, SQL["hold"], id=id, task=task)
    return _upload(row) if row else None


def of_task(connection: Connection, task: UUID) -> list[Upload]:
    """The uploads that a task holds."""
    return [_upload(r) for r in every(connection, SQL["of_task"], task=task)]


def delete(connection: Connection, id: UUID, *, task: UUID | None) -> bool:
    """Forget an upload that `task` holds (None: nobody); False if that is no longer so."""
    return run(connection, SQL["delete"], id=id, task=task) > 0


def abandoned(connection: Connection, *, seconds: float, retention: float) -> list[Upload]:
    """Uploads to let go: never taken within `seconds`, or of a task that ended in nothing, or past its retention."""
    return [_upload(r) for r in every(connection, SQL["abandoned"], seconds=seconds, retention=retention)]
