"""Batches being filled: their tables, the ledger of chunks, and the rows that were rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from waystation.model import Column
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load
from waystation.storage.tables import definitions, part_table

SQL = load("staging")


SUMMARIZED = 16  # pages of which the index knows the least and the greatest `_row`; who looks rows up reads whole ones


@dataclass(frozen=True, slots=True)
class Part:
    """A partition of a batch: its id (the value of `_batch` in its rows) and its table."""

    id: int
    relation: str


@dataclass(frozen=True, slots=True)
class Staged:
    """A batch that is being filled: its id, its parts, its columns."""

    id: int
    parts: tuple[Part, ...]
    dataset: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A chunk in the ledger: which bytes of the file (start to end) became which rows.

    `first_row` to `last_row` are its records' numbers in the file, `line` is that of the first; `lines`, `good` and `bad` say
    how many there are of each. `zones`: {date column: [least, greatest, rows with a value]}; the number is not there in
    older rows. `reasons`: how many rows are bad for which reason.
    """

    start: int
    end: int
    first_row: int
    last_row: int
    line: int
    lines: int
    good: int
    bad: int
    zones: dict[str, Any]
    reasons: dict[str, int] = field(default_factory=dict)


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
    parts = tuple(Part(p["id"], p["relation"]) for p in parts_of(connection, row["id"]))
    return Staged(row["id"], parts, row["dataset"], tuple(Column.of(c) for c in row["columns"]))


def stage(
    connection: Connection,
    task: UUID,
    dataset: str,
    mode: str,
    columns: Sequence[Column],
    header: Sequence[str] = (),
    *,
    parts: int = 1,
    indexed: bool = True,
    sha256: str | None = None,
) -> Staged:
    """Begin a batch: its parts (invisible to readers) and the table of its rejects. `header`: the fields of a reject.
    `indexed`: False for parts that get their index once they are full (`index_rows`), which costs less than one that is kept
    while they fill. `sha256`: of the file that it is made of."""
    values = Jsonb([c.as_json() for c in columns])
    row = one(
        connection,
        SQL["insert_batch"],
        dataset=dataset,
        task=task,
        mode=mode,
        columns=values,
        header=Jsonb(list(header)),
        sha256=sha256,
    )
    batch = _id(row)
    made = tuple(make_part(connection, batch, columns) for _ in range(parts))
    if indexed:
        for part in made:
            index_rows(connection, part)
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (record bigint PRIMARY KEY, line bigint NOT NULL, col text, value text NOT NULL,"
            " reason text NOT NULL, fields jsonb NOT NULL)"
        ).format(part_table(f"r{batch}"))
    )
    return Staged(batch, made, dataset, tuple(columns))


def make_part(connection: Connection, batch: int, columns: Sequence[Column]) -> Part:
    """A further part of a batch, empty, invisible to readers and without an index."""
    id = _id(one(connection, SQL["insert_part"], batch=batch))
    part = Part(id, f"p{id}")
    run(connection, SQL["name_part"], id=id, relation=part.relation)
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}, CHECK (_batch = {})) WITH (autovacuum_enabled = false)").format(
            part_table(part.relation), definitions(columns), sql.Literal(id)
        )
    )
    return part


def index_rows(connection: Connection, part: Part) -> None:
    """The index that finds rows by their `_row`, knowing all that are there; one that is there already gets to know them."""
    connection.execute("SET LOCAL max_parallel_maintenance_workers = 0")  # parts are indexed side by side as it is
    # Least and greatest alone: the rows of one stream lie nearly in order, and minmax-multi would double the cost.
    connection.execute(
        sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING brin (_row) WITH (pages_per_range = {})").format(
            sql.Identifier(_index(part)), part_table(part.relation), sql.Literal(SUMMARIZED)
        )
    )
    run(connection, SQL["summarize_rest"], index=f'parts."{_index(part)}"')


def _index(part: Part) -> str:
    return f"{part.relation}_row"


def _id(row: Row | None) -> int:
    assert row is not None
    return int(row["id"])


def copy_in(connection: Connection, part: Part, columns: Sequence[Column], data: bytes, *, binary: bool = False) -> None:
    """Add rows with `_batch` and `_row` before the batch's own columns: all of a COPY stream, in text or `binary` format."""
    names = sql.SQL(", ").join(sql.Identifier(n) for n in ("_batch", "_row", *(c.name for c in columns)))
    form = sql.SQL("binary" if binary else "text")
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(part_table(part.relation), names, form)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.write(memoryview(data))  # which is cut into the pieces that are sent without a copy of each


def pages(connection: Connection, part: Part) -> int:
    """How many pages a part has."""
    row = one(connection, SQL["pages"], table=f'parts."{part.relation}"')
    return int(row["pages"]) if row else 0


def summarize(connection: Connection, part: Part, *, first: int, end: int) -> None:
    """Let the index know the rows of these pages (from `first` up to `end`, multiples of SUMMARIZED).

    They must be full: a row that comes later into pages which are summarized changes the summary, one by one.
    """
    run(connection, SQL["summarize"], index=f'parts."{_index(part)}"', first=first, end=end, step=SUMMARIZED)


# -- the ledger --------------------------------------------------------------------------------------------------------
def add_chunk(connection: Connection, batch: Staged, part: Part, row: LedgerRow) -> None:
    """Write a chunk into the ledger, in the transaction of its rows."""
    values = {f.name: getattr(row, f.name) for f in fields(row)}
    run(
        connection,
        SQL["insert_chunk"],
        batch=batch.id,
        part=part.id,
        **{**values, "zones": Jsonb(row.zones), "reasons": Jsonb(row.reasons)},
    )


def ledger(connection: Connection, batch: Staged, *, since: int) -> list[LedgerRow]:
    """The chunks that begin at the offset `since` or after it, in file order."""
    rows = every(connection, SQL["ledger"], batch=batch.id, since=since)
    return [LedgerRow(**{f.name: r[f.name] for f in fields(LedgerRow)}) for r in rows]


def last_row(connection: Connection, batch: Staged) -> int:
    """The number of the last record that is in; 0 if there is none."""
    row = one(connection, SQL["last_row"], batch=batch.id)
    return int(row["number"]) if row else 0


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
