"""The table `audit`: one typed function a query of audit.sql, and the pages of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from waystation.acts import Act, Entry, Which
from waystation.model import JsonValue, Task
from waystation.storage.db import Connection, every, run
from waystation.storage.queries import load

SQL = load("audit")
_FIELDS = [f.name for f in fields(Entry)]


def note(
    connection: Connection,
    actor: str,
    act: Act,
    *,
    about: str | None = None,
    task: UUID | None = None,
    dataset: str | None = None,
    reason: str | None = None,
    data: Mapping[str, JsonValue] | None = None,
) -> None:
    """One more line, in the transaction of the act itself: both are there, or neither."""
    run(
        connection,
        SQL["note"],
        actor=actor,
        act=act.value,
        about=about,
        task=task,
        dataset=dataset,
        reason=reason,
        data=Jsonb(data or {}),
    )


def note_task(
    connection: Connection,
    actor: str,
    act: Act,
    task: Task,
    *,
    reason: str | None = None,
    data: Mapping[str, JsonValue] | None = None,
) -> None:
    """One more line about a task."""
    note(connection, actor, act, about=task.kind, task=task.id, dataset=task.dataset, reason=reason or None, data=data)


def select(
    connection: Connection, which: Which, *, before: int | None = None, after: int | None = None, limit: int
) -> list[Entry]:
    """Lines that fit: the newest before a line, or with `after` the oldest after one, in this order."""
    wheres: list[sql.Composable] = []
    values: dict[str, Any] = {"limit": limit}
    for name in ("actor", "act", "task", "dataset"):
        if (value := getattr(which, name)) is not None:
            wheres.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)))
            values[name] = value
    for name, column, sign in (("since", "at", ">="), ("till", "at", "<"), ("before", "id", "<"), ("after", "id", ">")):
        given = {"before": before, "after": after}.get(name, getattr(which, name, None))
        if given is not None:
            wheres.append(sql.SQL("{} {} {}").format(sql.Identifier(column), sql.SQL(sign), sql.Placeholder(name)))
            values[name] = given
    query = sql.SQL("SELECT * FROM audit {} ORDER BY id {} LIMIT %(limit)s::int").format(
        sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(wheres)) if wheres else sql.SQL(""),
        sql.SQL("DESC" if after is None else "ASC"),
    )
    return [Entry(**{name: row[name] for name in _FIELDS}) for row in every(connection, query, **values)]


def expire(connection: Connection, seconds: float) -> int:
    """Let go of lines that are older than so many seconds (a day at least); how many there were."""
    run(connection, SQL["retention"])
    return run(connection, SQL["expire"], seconds=seconds)
