"""Datasets on PostgreSQL: what is staged, how it is published in one moment, and how it is taken back without touching a row.

A dataset is a table partitioned by LIST on `_batch`; a batch is one or more stand-alone tables in the schema `parts`, attached
when it is published. `_row` is a record's number in its file. The order of a file is kept by `_row` and not by the place of the
rows (ctid): PostgreSQL fills holes in earlier pages, so that rows do not lie in the order in which they were copied. A BRIN
index finds a chunk's rows: the few that lie elsewhere make it look at some more pages, and miss none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from waystation.errors import BaseChanged, SchemaConflict
from waystation.model import SQL_TYPES, Batch, Column, Dataset, Holds, Task
from waystation.storage.db import Connection, Row, every, one, run
from waystation.storage.queries import load
from waystation.storage.staging import batch_of, parts_of
from waystation.storage.tables import add_columns, dataset_table, definitions, keys_table, met_table, part_table

SQL = load("datasets")
LOCK = 0x57A3  # key among PostgreSQL's two-part advisory locks


def _dataset(row: Row) -> Dataset:
    columns = tuple(Column.of(c) for c in row["columns"])
    return Dataset(row["name"], columns, row["rows"], row["batches"], row["created_at"], row["updated_at"])


def get(connection: Connection, name: str) -> Dataset | None:
    """One dataset; None before its first publish."""
    row = one(connection, SQL["get"], name=name)
    return _dataset(row) if row else None


def every_dataset(connection: Connection) -> list[Dataset]:
    """All datasets by name."""
    return [_dataset(r) for r in every(connection, SQL["all"])]


def batches(connection: Connection, name: str) -> list[Batch]:
    """The batches of a dataset, staged ones first, then the latest published."""
    return [_batch(r) for r in every(connection, SQL["batches"], name=name)]


def size(connection: Connection, name: str) -> int:
    """Bytes on the disk of what readers see of a dataset."""
    row = one(connection, SQL["size"], name=name)
    return int(row["bytes"]) if row else 0


def _batch(row: Row) -> Batch:
    return Batch(
        id=row["id"],
        dataset=row["dataset"],
        task=row["task"],
        mode=row["mode"],
        state=row["state"],
        columns=tuple(Column.of(c) for c in row["columns"]),
        rows=row["rows"],
        created_at=row["created_at"],
        published_at=row["published_at"],
        undone_at=row["undone_at"],
        visible=row["visible"],
        created_by=row["created_by"],
        label=row["label"],
    )


def holds(connection: Connection, task: Task) -> Holds:
    """What a task holds in datasets, and what would be left without it."""
    row = one(connection, SQL["held_by"], task=task.id)
    if row is None or row["state"] in ("undone", "dropped"):
        return Holds(task)
    dataset = get(connection, row["dataset"])
    after = one(connection, SQL["without"], name=row["dataset"], batch=row["id"])
    assert after is not None
    return Holds(
        task,
        batch=_batch(row),
        rows=row["rows"] if row["state"] == "published" else row["rows_so_far"],
        rows_now=dataset.rows if dataset else 0,
        rows_after=after["rows"],
        batches_after=after["batches"],
        readers=row["readers"],
    )


# -- publish and undo --------------------------------------------------------------------------------------------------
def _lock(connection: Connection, name: str, timeout: float) -> None:
    """One publish or undo a dataset; and never queue behind a long reader, or everybody queues behind us."""
    run(connection, SQL["lock"], key=LOCK, name=name)
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{int(timeout * 1000)}ms")))


def merge_columns(dataset: Sequence[Column], batch: Sequence[Column], name: str) -> list[Column]:
    """The columns of the dataset with the batch's new ones behind; SchemaConflict where a type differs."""
    known = {c.name: c for c in dataset}
    for c in batch:
        if c.name in known and known[c.name].type != c.type:
            raise SchemaConflict(
                f"Column {c.name!r} is {known[c.name].type} in the dataset {name!r}, and {c.type} in this file."
            )
    return [*dataset, *(c for c in batch if c.name not in known)]


def publish(connection: Connection, task: UUID, *, lock_timeout: float) -> None:
    """Make the task's staged batch visible, or drop it if it was a dry run; nothing to do without one.

    To be called in the transaction that ends the task. psycopg.errors.LockNotAvailable = a reader is in the way: roll
    back, wait, try again. Raises SchemaConflict when the dataset changed meanwhile so that the batch does not fit it, and
    BaseChanged for a batch that was merged with other rows than readers see now.
    """
    row = batch_of(connection, task)
    if row is None or row["state"] != "staged":
        return
    if row["mode"] == "dry_run":
        drop(connection, row["id"], keep_rejects=True)
        return
    name, columns = row["dataset"], [Column.of(c) for c in row["columns"]]
    _lock(connection, name, lock_timeout)
    if row["base"] is not None and row["base"] != [r["id"] for r in every(connection, SQL["visible"], name=name)]:
        raise BaseChanged
    live = one(connection, SQL["live"], name=name)
    known = get(connection, name)
    if live is None or live["number"] == 0:  # no schema: this batch gives it
        _define(connection, name, columns)
        merged = columns
    else:
        merged = merge_columns(known.columns if known else (), columns, name)
        add_columns(connection, dataset_table(name), merged[len(known.columns) if known else 0 :])
    have = {c.name for c in columns}
    for part in parts_of(connection, row["id"]):
        add_columns(connection, part_table(part["relation"]), [c for c in merged if c.name not in have])
    run(connection, SQL["put"], name=name, columns=Jsonb([c.as_json() for c in merged]))
    run(connection, SQL["publish"], id=row["id"], columns=Jsonb([c.as_json() for c in columns]))
    _show(connection, name, merged)
    _drop_keys(connection, row["id"])
    connection.execute("SET LOCAL lock_timeout TO DEFAULT")


def _define(connection: Connection, name: str, columns: Sequence[Column]) -> None:
    """Give an empty dataset these columns. Its table stays if it has them already: others may have built views on it."""
    wanted = [("_batch", "bigint"), ("_row", "bigint"), *((c.name, SQL_TYPES[c.type]) for c in columns)]
    rows = every(
        connection,
        "SELECT attname, replace(format_type(atttypid, atttypmod), ' without time zone', '') AS type FROM pg_attribute"
        " WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        table=f'datasets."{name}"',
    )
    if [(r["attname"], r["type"]) for r in rows] == wanted:
        return
    try:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(dataset_table(name)))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise SchemaConflict(
            f"The dataset {name!r} is empty and would get other columns, but something else is built on it:"
            f" {error.diag.message_detail}",
            remedy="Drop what is named (a view, most likely), or import into another dataset.",
        ) from error
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}) PARTITION BY LIST (_batch)").format(dataset_table(name), definitions(columns))
    )


def _show(connection: Connection, name: str, columns: Sequence[Column]) -> None:
    """Attach and detach until readers see just what they should."""
    for part in every(connection, SQL["visibility"], name=name):
        if part["wanted"] == part["attached"]:
            continue
        table, partition = dataset_table(name), part_table(part["relation"])
        if part["wanted"]:
            _match_columns(connection, part["relation"], columns)
            connection.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                    table, partition, sql.Literal(part["id"])
                )
            )
            connection.execute(sql.SQL("ALTER TABLE {} RESET (autovacuum_enabled)").format(partition))
        else:
            connection.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(table, partition))
        run(connection, SQL["attached"], id=part["id"], attached=part["wanted"])


def _match_columns(connection: Connection, relation: str, columns: Sequence[Column]) -> None:
    """A part that was hidden while its dataset grew gets the columns that came meanwhile."""
    rows = every(
        connection,
        "SELECT attname FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped",
        table=f'parts."{relation}"',
    )
    have = {r["attname"] for r in rows}
    add_columns(connection, part_table(relation), [c for c in columns if c.name not in have])


def release(connection: Connection, task: UUID, *, lock_timeout: float) -> None:
    """Take back all that the task holds in datasets: staged rows are dropped, a published batch is detached and dropped.

    No row is touched, at any size. What an unfinished export still reads is only detached; `drop_unread` drops it later.
    """
    run(connection, SQL["unpin"], task=task)
    row = batch_of(connection, task)
    if row is None or row["state"] == "dropped":
        return
    if row["state"] in ("staged", "checked"):
        drop(connection, row["id"])
    elif row["state"] == "published":
        name = row["dataset"]
        _lock(connection, name, lock_timeout)
        run(connection, SQL["undo"], id=row["id"])
        dataset = get(connection, name)
        _show(connection, name, dataset.columns if dataset else ())
        live = one(connection, SQL["live"], name=name)
        if live is None or live["number"] == 0:
            run(connection, SQL["put"], name=name, columns=Jsonb([]))
        if not one(connection, SQL["pinned"], id=row["id"]):
            drop(connection, row["id"])
        connection.execute("SET LOCAL lock_timeout TO DEFAULT")


def drop(connection: Connection, batch: int, *, keep_rejects: bool = False) -> None:
    """Drop a batch's tables and its ledger; its row stays, for the dataset's history."""
    drop_parts(connection, batch)
    _drop_keys(connection, batch)
    if not keep_rejects:
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(part_table(f"r{batch}")))
    run(connection, SQL["dropped"], id=batch, state="checked" if keep_rejects else "dropped")


def drop_parts(connection: Connection, batch: int) -> None:
    """Drop a batch's parts and its ledger."""
    for part in parts_of(connection, batch):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(part_table(part["relation"])))
    run(connection, SQL["forget"], id=batch)


def _drop_keys(connection: Connection, batch: int) -> None:
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(keys_table(batch), met_table(batch)))


def unread(connection: Connection) -> list[int]:
    """Batches whose tables nobody needs any more: undone and read by no export, or staged by a task that is over."""
    return [r["id"] for r in every(connection, SQL["unread"])]


def unpin(connection: Connection, task: UUID) -> None:
    """The export has ended."""
    run(connection, SQL["unpin"], task=task)


# -- looking -----------------------------------------------------------------------------------------------------------
def preview(connection: Connection, dataset: Dataset, limit: int) -> list[list[str | None]]:
    """The first rows that readers see, as text: those of the oldest batch, then the next, each in the order of its file."""
    parts = [p for p in every(connection, SQL["visibility"], name=dataset.name) if p["attached"]]
    out: list[list[str | None]] = []
    for _, members in groupby(parts, key=itemgetter("batch")):
        if len(out) >= limit:
            break
        pieces = [_first_rows(connection, part["relation"], dataset.columns, limit) for part in members]
        query = sql.SQL("SELECT row FROM ({}) pieces ORDER BY _row LIMIT {}").format(
            sql.SQL(" UNION ALL ").join(pieces), sql.Literal(limit - len(out))
        )
        out += [list(r["row"]) for r in every(connection, query)]
    return out


def _first_rows(connection: Connection, relation: str, columns: Sequence[Column], limit: int) -> sql.Composed:
    """The query of a part's first rows; a column that it does not have is null."""
    rows = every(
        connection,
        "SELECT attname FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0",
        table=f'parts."{relation}"',
    )
    have = {r["attname"] for r in rows}
    selected = [sql.SQL("{}::text").format(sql.Identifier(c.name)) if c.name in have else sql.SQL("NULL") for c in columns]
    return sql.SQL("(SELECT _row, ARRAY[{}]::text[] AS row FROM {} WHERE _row < {} ORDER BY _row LIMIT {})").format(
        sql.SQL(", ").join(selected), part_table(relation), sql.Literal(limit * 1000), sql.Literal(limit)
    )
