"""Batches being filled: their tables, the ledger of chunks, and the rows that were rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from waystation.model import Column
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load
from waystation.storage.tables import definitions, part_table

SQL = load("staging")


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch that is being filled: its id, its part (the value of `_batch`), its table, its columns."""

    id: int
    part: int
    relation: str
    dataset: str
    columns: tuple[Column, ...]


def batch_of(connection: Connection, task: UUID) -> Row | None:
    """The row of the batch that a task made, whatever has become of it."""
    return one(connection, SQL["of_task"], task=task)


def parts_of(connection: Connection, batch: int) -> list[Row]:
    """The rows of a batch's parts."""
    return every(connection, SQL["parts"], batch=batch)


def staged(connection: Connection, task: UUID) -> Staged | None:
    """The batch that this task fills, if it has begun one."""
    row = batch_of(connection, task)
    if row is None or row["state"] != "staged":
        return None
    part = parts_of(connection, row["id"])[0]
    columns = tuple(Column.of(c) for c in row["columns"])
    return Staged(row["id"], part["id"], part["relation"], row["dataset"], columns)


def stage(
    connection: Connection, task: UUID, dataset: str, mode: str, columns: Sequence[Column], header: Sequence[str] = ()
) -> Staged:
    """Begin a batch: its table (invisible to readers) and the table of its rejects. `header`: the fields of a reject."""
    values = Jsonb([c.as_json() for c in columns])
    batch = _id(
        one(
            connection,
            SQL["insert_batch"],
            dataset=dataset,
            task=task,
            mode=mode,
            columns=values,
            header=Jsonb(list(header)),
        )
    )
    part = _id(one(connection, SQL["insert_part"], batch=batch))
    name = f"p{part}"
    run(connection, SQL["name_part"], id=part, relation=name)
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}, CHECK (_batch = {})) WITH (autovacuum_enabled = false)").format(
            part_table(name), definitions(columns), sql.Literal(part)
        )
    )
    connection.execute(
        sql.SQL("CREATE INDEX ON {} USING brin (_row int8_minmax_multi_ops) WITH (pages_per_range = 64)").format(
            part_table(name)
        )
    )
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (record bigint PRIMARY KEY, line bigint NOT NULL, col text, value text NOT NULL,"
            " reason text NOT NULL, fields jsonb NOT NULL)"
        ).format(part_table(f"r{batch}"))
    )
    return Staged(batch, part, name, dataset, tuple(columns))


def _id(row: Row | None) -> int:
    assert row is not None
    return int(row["id"])


def copy_in(connection: Connection, batch: Staged, data: bytes, *, binary: bool = False) -> None:
    """Add rows with `_batch` and `_row` before the batch's own columns: all of a COPY stream, in text or `binary` format."""
    names = sql.SQL(", ").join(sql.Identifier(n) for n in ("_batch", "_row", *(c.name for c in batch.columns)))
    form = sql.SQL("binary" if binary else "text")
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(part_table(batch.relation), names, form)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.write(data)


def summarize(connection: Connection, batch: Staged) -> None:
    """Let the index know the pages that were filled since the last call."""
    connection.execute(
        "SELECT brin_summarize_new_values(indexrelid::regclass) FROM pg_index WHERE indrelid = %(table)s::regclass",
        {"table": f'parts."{batch.relation}"'},
    )


def add_chunk(
    connection: Connection,
    batch: Staged,
    *,
    start: int,
    end: int,
    first_row: int,
    last_row: int,
    line: int,
    good: int,
    bad: int,
    zones: dict[str, Any],
) -> None:
    """Write a chunk into the ledger, in the transaction of its rows."""
    run(
        connection,
        SQL["insert_chunk"],
        batch=batch.id,
        part=batch.part,
        start=start,
        end=end,
        first_row=first_row,
        last_row=last_row,
        line=line,
        good=good,
        bad=bad,
        zones=Jsonb(zones),
    )


# -- rejects -----------------------------------------------------------------------------------------------------------
def add_rejects(connection: Connection, batch: Staged, rows: bytes) -> None:
    """Keep bad rows, given in COPY's text format: record, line, column, value, reason, fields."""
    query = sql.SQL("COPY {} (record, line, col, value, reason, fields) FROM STDIN").format(part_table(f"r{batch.id}"))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.write(rows)


def rejects(connection: Connection, task: UUID, *, after: int = 0, limit: int = 1000) -> list[Row]:
    """Bad rows of a task's import in file order, after a record number; none once they are gone."""
    row = batch_of(connection, task)
    if row is None or row["state"] == "dropped":
        return []
    table = f"r{row['id']}"
    if not one(connection, "SELECT true AS found WHERE to_regclass(%(name)s) IS NOT NULL", name=f"parts.{table}"):
        return []
    query = sql.SQL("SELECT * FROM {} WHERE record > %(after)s::bigint ORDER BY record LIMIT %(limit)s::int")
    return every(connection, query.format(part_table(table)), after=after, limit=limit)


def reject_header(connection: Connection, task: UUID) -> list[str]:
    """The header of the file that the task's rejects came from."""
    row = batch_of(connection, task)
    return list(row["header"]) if row else []


def drop_rejects(connection: Connection, task: UUID) -> None:
    """Let go of a task's bad rows."""
    row = batch_of(connection, task)
    if row is not None:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(part_table(f"r{row['id']}")))
