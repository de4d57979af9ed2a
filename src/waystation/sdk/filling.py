"""A batch that a kind fills with rows of its own making: from an API, from another table, from a calculation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql

from waystation.csvio.names import safe_names
from waystation.errors import BadRow, InvalidName, WrongKind
from waystation.model import SQL_TYPES, Column
from waystation.storage import staging
from waystation.storage.db import Connection
from waystation.storage.staging import LedgerRow
from waystation.storage.tables import part_table

DATASET_NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}$")
ROW_REMEDY = "Let the kind give a value of the column's type, as Python has it or as text; or give the column another type."

_WHERE = re.compile(r"line (\d+)(?:, column (.*?))?(?::|$)")

RowLike = Mapping[str, Any] | Sequence[Any]


def check_dataset_name(name: str) -> None:
    """Raise InvalidName for what can't be a dataset's name."""
    if not DATASET_NAME.fullmatch(name):
        raise InvalidName(f"{name[:60]!r} is no name for a dataset.")


def columns_of(columns: Mapping[str, str]) -> list[Column]:
    """The columns of these names and types. Raises WrongKind for a type that is none, or a name that PostgreSQL can't take."""
    for name, type in columns.items():
        if type not in SQL_TYPES:
            raise WrongKind(f"Column {name!r}: there is no type {type!r}.", remedy=f"The types are {', '.join(SQL_TYPES)}.")
    safe, renamed = safe_names(list(columns))
    if renamed or not columns:
        said = "; ".join(f"{old!r} could be {new!r}" for old, new in renamed.items()) or "there is none"
        raise WrongKind(f"These are no names for columns: {said}.", remedy="Give short names that begin with no _.")
    return [Column(name, type, "the kind says so") for name, type in zip(safe, columns.values(), strict=True)]


class NewBatch:
    """The batch that a task publishes when it succeeds. Until then nobody sees it; when the task is stopped it is gone.

    Rows are written in the step's own transaction: they and the checkpoint are kept together, or not at all.
    """

    def __init__(self, db: Connection, staged: staging.Staged) -> None:
        self._db, self._staged = db, staged
        self._rows: int | None = None

    @property
    def id(self) -> int:
        """The batch's number."""
        return self._staged.id

    @property
    def rows(self) -> int:
        """How many rows are in it, with those of this step."""
        if self._rows is None:
            self._rows = staging.last_row(self._db, self._staged)
        return self._rows

    def add_rows(self, rows: Iterable[RowLike]) -> int:
        """Add rows, each a mapping by column (what is missing is null) or a sequence in the order of the columns.

        Values are Python's own (str, int, float, Decimal, bool, date, datetime, UUID, None; anything that JSON holds in a json
        column) or their text. The number of rows is returned. Raises BadRow, which names the row and the column; nothing of
        this step is kept then.
        """
        first = self.rows + 1
        part, columns = self._staged.parts[0], self._staged.columns
        zones: dict[str, list[Any]] = {}
        names = sql.SQL(", ").join(sql.Identifier(n) for n in ("_batch", "_row", *(c.name for c in columns)))
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(part_table(part.relation), names)
        number = first - 1
        try:
            with self._db.cursor() as cursor, cursor.copy(query) as copy:
                for number, row in enumerate(rows, first):
                    copy.write_row((part.id, number, *self._values(row, number, zones)))
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            raise _bad(error, first, number) from error
        if number >= first:
            chunk = LedgerRow(
                start=first - 1,
                end=number,
                first_row=first,
                last_row=number,
                line=first,
                lines=number - first + 1,
                good=number - first + 1,
                bad=0,
                zones=zones,
            )
            staging.add_chunk(self._db, self._staged, part, chunk)
        self._rows = number
        return number - first + 1

    def _values(self, row: RowLike, number: int, zones: dict[str, list[Any]]) -> list[Any]:
        columns = self._staged.columns
        if isinstance(row, Mapping):
            if unknown := set(row) - {c.name for c in columns}:
                raise BadRow(f"Row {number} has {', '.join(sorted(map(repr, unknown)))}: no such column.", remedy=ROW_REMEDY)
            values = [row.get(c.name) for c in columns]
        elif isinstance(row, str) or len(row) != len(columns):
            raise BadRow(f"Row {number} is no mapping, and no sequence of {len(columns)} values.", remedy=ROW_REMEDY)
        else:
            values = list(row)
        for at, column in enumerate(columns):
            value = values[at]
            if value is None:
                continue
            if column.type == "json":
                values[at] = json.dumps(value)
            elif column.type in ("date", "timestamp"):
                values[at] = moment = _moment(column, value, number)
                low, high, rows = zones.get(column.name, (moment, moment, 0))
                zones[column.name] = [min(low, moment), max(high, moment), rows + 1]
        return values


def _moment(column: Column, value: Any, number: int) -> str:
    """A date or a time as ISO text: so they are compared, and so an export knows which rows it can pass over."""
    try:
        if column.type == "date":
            return (value if type(value) is date else date.fromisoformat(value)).isoformat()
        found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRow(f"Row {number}, column {column.name!r}: {value!r} is no {column.type}.", remedy=ROW_REMEDY) from None
    if found.tzinfo is not None:
        raise BadRow(
            f"Row {number}, column {column.name!r}: {value!r} has a time zone, which the type would drop.",
            remedy="Give it in one zone and without its name: moment.astimezone(UTC).replace(tzinfo=None).",
        )
    return found.isoformat(" ")


def _bad(error: psycopg.Error, first: int, latest: int) -> BadRow:
    """What PostgreSQL, or the driver, says of a row."""
    said = str(error).splitlines()[0].rstrip(".")
    found = _WHERE.search(error.diag.context or "")
    number = first + int(found[1]) - 1 if found else latest
    column = f", column {found[2]!r}" if found and found[2] else ""
    return BadRow(f"Row {number}{column}: {said}.", remedy=ROW_REMEDY)
