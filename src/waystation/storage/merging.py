"""Imports by key: the rows of a file are met with those that readers of its dataset see, a range of row numbers at a time.

First each key of the file gets one row in a table of its own (`keys`), by which it is found. Then the rows of the dataset, the
base, pass by it: the keys that they have are noted (`met`), and where rows are updated, the base is written into the batch
anew with the values of the file in place. At last the keys that were not met are written behind. All of it is made in the
steps' own transactions, and from the base on it can be begun anew at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from waystation.errors import KeyTooLong
from waystation.model import Column
from waystation.storage import datasets, reading, staging
from waystation.storage.db import Connection, every, one, run
from waystation.storage.queries import load
from waystation.storage.staging import SUMMARIZED, LedgerRow, Part, Staged
from waystation.storage.tables import definitions, keys_table, met_table, part_table

SQL = load("merging")

OnConflict = Literal["skip", "update"]
PAGE = 8192  # bytes of a page of the database


@dataclass(frozen=True, slots=True)
class Base:
    """A batch that readers see. Its rows have numbers from 1 to last_row, of which some may be missing."""

    id: int
    relations: tuple[str, ...]
    columns: frozenset[str]
    last_row: int


@dataclass(frozen=True, slots=True)
class Merge:
    """How the rows of a staged batch are merged.

    columns: those of the file; key: the names of some of them. on_conflict: skip leaves a row out whose key is there already,
    in the dataset or further up in the file; update lets it take the place of what is there. rewrites: the base is written
    into the batch, which replaces it; else the batch has only what is new.
    """

    staged: Staged
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    on_conflict: OnConflict
    rewrites: bool

    @property
    def _key(self) -> sql.Composed:
        return _names(self.key)


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


@contextmanager
def _by_index(connection: Connection) -> Iterator[None]:
    """A range of rows and a key are looked up by their indexes: a table that is just being filled has no statistics."""
    connection.execute("SET LOCAL enable_seqscan = off")
    connection.execute("SET LOCAL jit = off")
    yield
    connection.execute("SET LOCAL jit TO DEFAULT")
    connection.execute("SET LOCAL enable_seqscan TO DEFAULT")


@contextmanager
def _keys_fit() -> Iterator[None]:
    """PostgreSQL has no index of values that are longer than a third of a page."""
    try:
        yield
    except psycopg.errors.ProgramLimitExceeded as error:
        raise KeyTooLong(f"A row's key is too long to be looked up: {error.diag.message_primary}.") from error


def _range(relations: Sequence[str], selected: sql.Composable, first: int, end: int) -> sql.Composed:
    """The rows with numbers from `first` up to `end` of some tables."""
    query = sql.SQL("SELECT _row, {} FROM {} WHERE _row >= {} AND _row < {}")
    bounds = (sql.Literal(first), sql.Literal(end))
    return sql.SQL(" UNION ALL ").join(query.format(selected, part_table(name), *bounds) for name in relations)


# -- the keys of the file ----------------------------------------------------------------------------------------------
def make_keys(connection: Connection, merge: Merge) -> None:
    """The table that gets one row for each key of the file."""
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}, UNIQUE ({}), PRIMARY KEY (_row)) WITH (autovacuum_enabled = false)").format(
            keys_table(merge.staged.id), definitions(merge.columns), merge._key
        )
    )


def add_keys(connection: Connection, merge: Merge, *, first: int, end: int) -> None:
    """Take the rows with numbers from `first` up to `end` of the file, all before them being taken already. Raises KeyTooLong.

    A key stands where it comes first in the file; its values are those of its first row (skip) or of its last (update).
    """
    names = _names([c.name for c in merge.columns])
    others = [c.name for c in merge.columns if c.name not in merge.key]
    rows = _range([part.relation for part in merge.staged.parts], names, first, end)
    if merge.on_conflict == "update" and others:
        values = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others)
        # One statement can't update a row twice: of a key's rows in this range the last is found first.
        query = sql.SQL(
            "INSERT INTO {keys} (_batch, _row, {names}) SELECT 0, _first, {names} FROM ("
            "SELECT *, min(_row) OVER same AS _first, row_number() OVER (same ORDER BY _row DESC) AS _nth"
            " FROM ({rows}) r WINDOW same AS (PARTITION BY {key})) r WHERE _nth = 1 ON CONFLICT ({key}) DO UPDATE SET {values}"
        ).format(keys=keys_table(merge.staged.id), names=names, rows=rows, key=merge._key, values=values)
    else:
        query = sql.SQL(
            "INSERT INTO {keys} (_batch, _row, {names}) SELECT 0, _row, {names} FROM ({rows}) r ORDER BY _row"
            " ON CONFLICT ({key}) DO NOTHING"
        ).format(keys=keys_table(merge.staged.id), names=names, rows=rows, key=merge._key)
    with _by_index(connection), _keys_fit():
        connection.execute(query)


def end_keys(connection: Connection, merge: Merge) -> None:
    """All rows of the file are taken: what they were read into is not needed any more."""
    datasets.drop_parts(connection, merge.staged.id)


# -- the base ----------------------------------------------------------------------------------------------------------
def base(connection: Connection, dataset: str) -> list[Base]:
    """The batches that readers of a dataset see, oldest first."""
    return [
        Base(r["id"], tuple(r["relations"]), frozenset(c["name"] for c in r["columns"]), r["last_row"])
        for r in every(connection, SQL["base"], dataset=dataset)
    ]


def begin(connection: Connection, task: UUID, merge: Merge, *, alone: bool) -> list[Base]:
    """Begin to merge with what readers see now, or with nothing (`alone`); what was merged before is dropped.

    The base is pinned: its rows can be read until the task ends. Raises SchemaConflict where a type differs.
    """
    id, name = merge.staged.id, merge.staged.dataset
    datasets.unpin(connection, task)
    found: list[Base] = []
    columns = list(merge.columns)
    if not alone:
        reading.pin(connection, task, name)
        found = base(connection, name)
        known = datasets.get(connection, name)
        if found and known is not None:
            whole = datasets.merge_columns(known.columns, columns, name)
            columns = whole if merge.rewrites else columns
    datasets.drop_parts(connection, id)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(met_table(id)))
    connection.execute(
        sql.SQL("CREATE TABLE {} (_row bigint PRIMARY KEY) WITH (autovacuum_enabled = false)").format(met_table(id))
    )
    staging.index_rows(connection, staging.make_part(connection, id, columns))
    ids = None if alone else [b.id for b in found]
    run(connection, SQL["stand_on"], id=id, base=ids, columns=Jsonb([c.as_json() for c in columns]))
    return found


def older_at_work(connection: Connection, merge: Merge) -> bool:
    """Whether a merge that was begun before this one is going on in the same dataset."""
    return one(connection, SQL["older_at_work"], dataset=merge.staged.dataset, id=merge.staged.id) is not None


def pass_by(connection: Connection, merge: Merge, old: Base, *, first: int, end: int, shift: int, start: int) -> int:
    """Meet the keys with the rows of a batch of the base that have numbers from `first` up to `end`.

    If the base is rewritten they are written, with `shift` added to their numbers, and a row of the ledger from `start` on.
    Returns where the ledger ends.
    """
    same = sql.SQL(" AND ").join(sql.SQL("k.{0} = o.{0}").format(sql.Identifier(name)) for name in merge.key)
    lookup = sql.SQL("(SELECT * FROM {} k WHERE {} OFFSET 0) k").format(keys_table(merge.staged.id), same)
    met = met_table(merge.staged.id)
    if not merge.rewrites:
        columns = [c for c in merge.columns if c.name in merge.key]
        rows = _range(old.relations, _selected(columns, old.columns), first, end)
        query = sql.SQL(
            "INSERT INTO {} SELECT DISTINCT k._row FROM ({}) o CROSS JOIN LATERAL {} ON CONFLICT DO NOTHING"
        ).format(met, rows, lookup)
        with _by_index(connection):
            connection.execute(query)
        return start
    part, whole = _part(connection, merge)
    new = {c.name for c in merge.columns} - set(merge.key)
    values = [
        sql.SQL("CASE WHEN k._row IS NULL THEN o.{0} ELSE k.{0} END AS {0}" if c.name in new else "o.{0}").format(
            sql.Identifier(c.name)
        )
        for c in whole
    ]
    found = sql.SQL(
        "found AS MATERIALIZED (SELECT o._row, k._row AS _met, {} FROM ({}) o LEFT JOIN LATERAL {} ON true), noted AS"
        " (INSERT INTO {} SELECT DISTINCT _met FROM found WHERE _met IS NOT NULL ON CONFLICT DO NOTHING)"
    ).format(sql.SQL(", ").join(values), _range(old.relations, _selected(whole, old.columns), first, end), lookup, met)
    numbers = (first + shift, end + shift)
    return _write(connection, merge, part, whole, found, shift, numbers, start)[0]


def add_new(connection: Connection, merge: Merge, *, first: int, end: int, shift: int, start: int) -> tuple[int, int]:
    """Write the rows of the keys with numbers from `first` up to `end` that the base has not; see pass_by.

    Returns where the ledger ends, and how many rows they are.
    """
    part, _ = _part(connection, merge)
    found = sql.SQL(
        "found AS (SELECT * FROM {} k WHERE _row >= {} AND _row < {} AND NOT EXISTS (SELECT FROM {} m WHERE m._row = k._row))"
    ).format(keys_table(merge.staged.id), sql.Literal(first), sql.Literal(end), met_table(merge.staged.id))
    numbers = (first + shift, end + shift)
    return _write(connection, merge, part, merge.columns, found, shift, numbers, start)


def end(connection: Connection, merge: Merge) -> None:
    """All is written: let the index know the rows that it does not know yet."""
    staging.index_rows(connection, _part(connection, merge)[0])


def _selected(columns: Sequence[Column], have: frozenset[str]) -> sql.Composed:
    """Columns of a table that may not have all of them."""
    return sql.SQL(", ").join(sql.SQL("{} AS {}").format(reading.field(c, have), sql.Identifier(c.name)) for c in columns)


def _part(connection: Connection, merge: Merge) -> tuple[Part, tuple[Column, ...]]:
    """The part that the batch is written into, and the batch's columns."""
    row = one(connection, SQL["part"], id=merge.staged.id)
    assert row is not None
    return Part(row["id"], row["relation"]), tuple(Column.of(c) for c in row["columns"])


def _write(
    connection: Connection,
    merge: Merge,
    part: Part,
    columns: Sequence[Column],
    found: sql.Composable,
    shift: int,
    numbers: tuple[int, int],
    start: int,
) -> tuple[int, int]:
    """Write the rows of the WITH clause `found`, with a row in the ledger: where that ends, and how many rows they are.

    The ledger counts bytes; here these are of the table.
    """
    dated = [c.name for c in columns if c.type in ("date", "timestamp")]
    ends = [
        sql.SQL("min({0})::text AS {1}, max({0})::text AS {2}").format(
            sql.Identifier(name), sql.Identifier(f"least{n}"), sql.Identifier(f"most{n}")
        )
        for n, name in enumerate(dated)
    ]
    query = sql.SQL(
        "WITH {found}, put AS (INSERT INTO {part} (_batch, _row, {names}) SELECT {id}, _row + {shift}, {names} FROM found"
        " RETURNING {returned}) SELECT {told} FROM put"
    ).format(
        found=found,
        part=part_table(part.relation),
        names=_names([c.name for c in columns]),
        id=sql.Literal(part.id),
        shift=sql.Literal(shift),
        returned=_names(["_row", *dated]),
        told=sql.SQL(", ").join([sql.SQL("count(*) AS good"), *ends]),
    )
    before = staging.pages(connection, part)
    with _by_index(connection):
        row = connection.execute(query).fetchone()
    assert row is not None
    if row["good"] == 0:
        return start, 0
    after = staging.pages(connection, part)
    full = [pages // SUMMARIZED * SUMMARIZED for pages in (before, after)]
    staging.summarize(connection, part, first=full[0], end=full[1])
    zones = {name: [row[f"least{n}"], row[f"most{n}"]] for n, name in enumerate(dated) if row[f"least{n}"] is not None}
    here = LedgerRow(
        start=start,
        end=start + max(1, after - before) * PAGE,
        first_row=numbers[0],
        last_row=numbers[1] - 1,
        line=0,
        lines=0,
        good=row["good"],
        bad=0,
        zones=zones,
    )
    staging.add_chunk(connection, merge.staged, part, here)
    return here.end, here.good
