"""What an export reads: the batches that it pinned, in the order of their files, some chunks at a time.

The rows of a chunk are those with `_row` from its first to its last; a BRIN index finds them. They do not lie quite in that
order, so each comes with its `_row` in front, and whoever takes them puts them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from psycopg import sql

from waystation.model import SQL_TYPES, Column
from waystation.storage.datasets import LOCK
from waystation.storage.datasets import SQL as DATASETS
from waystation.storage.db import Connection, every, one, run
from waystation.storage.queries import load

SQL = load("reading")

STRETCH_BYTES = 8 * 2**20  # of the file that was imported: what a stretch holds at most, but for one large chunk
STRETCH_CHUNKS = 1000  # passed over in one go


@dataclass(frozen=True, slots=True)
class PinnedChunk:
    """A chunk to read: rows of `relation` with `_row` from first_row to last_row, from bytes start to end of its file."""

    publish_no: int
    start: int
    end: int
    relation: str
    first_row: int
    last_row: int
    good: int
    zones: dict[str, list[str]]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Chunks that are read in one go: rows of one batch, from first_row to last_row. `relations` is empty if all were passed
    over.

    place: of the last chunk, for `pinned_chunks`. passed: rows of all its chunks, read or passed over.
    """

    place: tuple[int, int]
    passed: int
    first_row: int = 0
    last_row: int = -1
    relations: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def pin(connection: Connection, task: UUID, dataset: str) -> int:
    """Pin what readers see of the dataset now; the number of its rows."""
    run(connection, DATASETS["lock"], key=LOCK, name=dataset)
    run(connection, SQL["pin"], task=task, name=dataset)
    row = one(connection, SQL["pinned_rows"], task=task)
    return int(row["rows"]) if row else 0


def pinned_chunks(connection: Connection, task: UUID, *, after: tuple[int, int]) -> Iterator[PinnedChunk]:
    """The pinned chunks after a place (publish number, offset), in file order."""
    while rows := every(connection, SQL["pinned_chunks"], task=task, publish_no=after[0], start=after[1], limit=500):
        for r in rows:
            after = (r["publish_no"], r["start_offset"])
            yield PinnedChunk(
                *after,
                r["end_offset"],
                r["relation"],
                r["first_row"],
                r["last_row"],
                r["good"],
                r["zones"],
                tuple(c["name"] for c in r["columns"]),
            )


def stretches(chunks: Iterable[PinnedChunk], wanted: Callable[[PinnedChunk], bool], most_rows: int) -> Iterator[Stretch]:
    """The chunks, put together to stretches of at most so many rows; those that are not wanted are passed over.

    Where a stretch ends depends on the chunks behind the end of the one before it, and on nothing else.
    """
    chosen: list[PinnedChunk] = []
    over: list[PinnedChunk] = []  # passed over since the last stretch
    for chunk in chunks:
        want = wanted(chunk)
        if chosen and not (want and _fits(chosen, chunk, most_rows)):
            yield _stretch(over, chosen)
            over, chosen = [], []
        (chosen if want else over).append(chunk)
        if len(over) == STRETCH_CHUNKS and not chosen:
            yield _stretch(over, chosen)
            over = []
    if over or chosen:
        yield _stretch(over, chosen)


def _fits(chosen: Sequence[PinnedChunk], chunk: PinnedChunk, most_rows: int) -> bool:
    rows = sum(c.good for c in chosen) + chunk.good
    size = sum(c.end - c.start for c in chosen) + chunk.end - chunk.start
    return chosen[0].publish_no == chunk.publish_no and rows <= most_rows and size <= STRETCH_BYTES


def _stretch(over: Sequence[PinnedChunk], chosen: Sequence[PinnedChunk]) -> Stretch:
    last = (chosen or over)[-1]
    place, passed = (last.publish_no, last.start), sum(c.good for c in (*over, *chosen))
    if not chosen:
        return Stretch(place, passed)
    relations = tuple(dict.fromkeys(c.relation for c in chosen))
    return Stretch(place, passed, chosen[0].first_row, last.last_row, relations, last.columns)


@dataclass(frozen=True, slots=True)
class Part:
    """A table of a pinned batch, and the columns that it is sure to have."""

    publish_no: int
    relation: str
    columns: frozenset[str]


def pinned_parts(connection: Connection, task: UUID) -> list[Part]:
    """The parts of all batches that the task pinned."""
    rows = every(connection, SQL["pinned_parts"], task=task)
    return [Part(r["publish_no"], r["relation"], frozenset(c["name"] for c in r["columns"])) for r in rows]


def prepare(connection: Connection) -> None:
    """Ready a connection for reading: the index finds a stretch (a scan would read the whole part), text is UTF-8."""
    connection.execute(
        "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off; SET client_encoding = 'UTF8'"
    )


class Written(Protocol):
    """How rows are written: see sdk/layout.py."""

    @property
    def separator(self) -> str:
        """What stands between the fields of a row, and behind the numbers in front of it."""

    def fields(self, columns: Sequence[Column], have: frozenset[str]) -> sql.Composable:
        """The fields of a row, for a SELECT on a table that has the columns `have`."""

    def options(self, columns: Sequence[Column]) -> sql.Composable:
        """The options of the COPY."""


Condition = Callable[[frozenset[str]], sql.Composable]  # of the columns that a table has


def field(column: Column, have: frozenset[str]) -> sql.Composable:
    """A column of a table that may not have it: one that came after its batch is null in it, and not there while it is
    detached."""
    if column.name in have:
        return sql.Identifier(column.name)
    return sql.SQL("NULL::{}").format(sql.SQL(SQL_TYPES[column.type]))


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows and columns are wanted, and how they are written.

    by, low, high: only rows whose date in that column is from low to high (ISO, both included). where: and of which this is
    true.
    """

    columns: tuple[Column, ...]
    layout: Written
    by: str | None = None
    low: str | None = None
    high: str | None = None
    where: Condition | None = None

    def may_match(self, chunk: PinnedChunk) -> bool:
        """Whether a row of the chunk can be wanted, by the least and the greatest date in it; never without any date."""
        if self.by is None:
            return True
        zone = chunk.zones.get(self.by)
        if zone is None:
            return False
        return not ((self.low is not None and zone[1][:10] < self.low) or (self.high is not None and zone[0][:10] > self.high))

    def conditions(self, have: frozenset[str]) -> list[sql.Composable]:
        """What must be true of a row, in a table that has the columns `have`, all of it."""
        made: list[sql.Composable] = []
        if self.by is not None and self.by not in have:
            made.append(sql.SQL("false"))
        elif self.by is not None:
            by = sql.Identifier(self.by)
            if self.low:
                made.append(sql.SQL("{} >= {}::date").format(by, sql.Literal(self.low)))
            if self.high:
                made.append(sql.SQL("{} < {}::date + 1").format(by, sql.Literal(self.high)))
        if self.where is not None:
            made.append(self.where(have))
        return made


def copy_stretch(question: Question, stretch: Stretch) -> sql.Composed:
    """The COPY of a stretch's rows, each with its `_row` in front."""
    have = frozenset(stretch.columns)
    lies = sql.SQL("_row BETWEEN {} AND {}").format(sql.Literal(stretch.first_row), sql.Literal(stretch.last_row))
    where = sql.SQL(" AND ").join([lies, *question.conditions(have)])
    parts = [
        sql.SQL("SELECT _row, {} FROM parts.{} WHERE {}").format(
            question.layout.fields(question.columns, have), sql.Identifier(relation), where
        )
        for relation in stretch.relations
    ]
    return copy_of(question, sql.SQL(" UNION ALL ").join(parts))


def copy_of(question: Question, rows: sql.Composable) -> sql.Composed:
    """The COPY of a query's rows in the layout that was asked for."""
    return sql.SQL("COPY ({}) TO STDOUT WITH ({})").format(rows, question.layout.options(question.columns))
