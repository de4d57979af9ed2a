"""How the tables of datasets and batches are called, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from waystation.model import SQL_TYPES, Column
from waystation.storage.db import Connection


def part_table(name: str) -> sql.Composed:
    """A table in the schema `parts`: a partition, or the rejects of a batch."""
    return sql.SQL("parts.{}").format(sql.Identifier(name))


def keys_table(batch: int) -> sql.Composed:
    """The rows of a file that is imported by key, one for each key: there until the batch is published or dropped."""
    return part_table(f"k{batch}")


def met_table(batch: int) -> sql.Composed:
    """Which of them the dataset has already; there as long."""
    return part_table(f"m{batch}")


def dataset_table(name: str) -> sql.Composed:
    """The table that readers of a dataset query."""
    return sql.SQL("datasets.{}").format(sql.Identifier(name))


def definitions(columns: Iterable[Column]) -> sql.Composed:
    """The columns of a dataset's tables."""
    parts: list[sql.Composable] = [sql.SQL("_batch bigint NOT NULL, _row bigint NOT NULL")]
    parts += [sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(SQL_TYPES[c.type])) for c in columns]
    return sql.SQL(", ").join(parts)


def add_columns(connection: Connection, table: sql.Composed, columns: Sequence[Column]) -> None:
    """Give a table further columns."""
    for c in columns:
        connection.execute(
            sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(table, sql.Identifier(c.name), sql.SQL(SQL_TYPES[c.type]))
        )
