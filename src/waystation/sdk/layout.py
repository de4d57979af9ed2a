"""How rows are written into a file: CSV, TSV or JSON Lines, made by PostgreSQL itself, one COPY at a time.

Or as plain lines (COPY's own text format), which outputs/ makes other files of.

Rows come with numbers in front (see drain.py), so those fields are never quoted, whatever the layout.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from waystation.csvio.formats import ORDERS, DateOrder
from waystation.csvio.formulas import DANGEROUS, guard
from waystation.model import Column
from waystation.storage.reading import field


@dataclass(frozen=True, slots=True)
class Layout:
    """quoting: all = every field that is not null. null: the word for null. dates: order of day, month and year.

    guard: text that a spreadsheet would take for a formula gets a quote before it. What says how CSV is written has no meaning
    for JSON Lines.
    """

    format: Literal["csv", "tsv", "jsonl", "lines"] = "csv"
    delimiter: str = ","
    quoting: Literal["minimal", "all"] = "minimal"
    null: str = ""
    dates: DateOrder = "ymd"
    guard: bool = False
    bom: bool = False

    @property
    def separator(self) -> str:
        """What stands between the fields that COPY sends. JSON is one field, and has no control characters in it."""
        return "\x02" if self.format == "jsonl" else "\t" if self.format in ("tsv", "lines") else self.delimiter

    def head(self, names: Sequence[str]) -> bytes:
        """What stands before the rows: the names of the columns, with a byte order mark if one is wanted; nothing in JSON
        Lines and plain lines."""
        if self.format in ("jsonl", "lines"):
            return b""
        text = io.StringIO()
        shown = [guard(name) if self.guard else name for name in names]
        csv.writer(
            text,
            delimiter=self.separator,
            quoting=csv.QUOTE_ALL if self.quoting == "all" else csv.QUOTE_MINIMAL,
            lineterminator="\n",
        ).writerow(shown)
        return (b"\xef\xbb\xbf" if self.bom else b"") + text.getvalue().encode()

    def fields(self, columns: Sequence[Column], have: frozenset[str]) -> sql.Composable:
        """The fields of a row, for a SELECT on a table that has the columns `have`; the others are null."""
        if self.format == "jsonl":
            parts = [sql.SQL("{} AS {}").format(self._json(c, have), sql.Identifier(c.name)) for c in columns]
            return sql.SQL("(SELECT row_to_json(r) FROM (SELECT {}) r)").format(sql.SQL(", ").join(parts))
        made: list[sql.Composable] = [self._field(c, have) for c in columns]
        if len(made) == 1 and self.null == "" and self.format != "lines":
            # A row without anything in it would be a blank line, which readers of CSV skip: "" stands for null then.
            made = [sql.SQL("coalesce({}::text, '')").format(made[0])]
        named = zip(made, columns, strict=True)
        return sql.SQL(", ").join(sql.SQL("{} AS {}").format(value, sql.Identifier(c.name)) for value, c in named)

    def _field(self, column: Column, have: frozenset[str]) -> sql.Composable:
        value = field(column, have)
        if column.name not in have:
            return value
        if column.type == "date" and self.dates != "ymd":
            return sql.SQL("to_char({}, {})").format(value, sql.Literal(ORDERS[self.dates]))
        if column.type == "timestamp" and self.dates != "ymd":
            # The time as PostgreSQL writes it, without the zeros at its end that to_char would give it.
            return sql.SQL("to_char({0}, {1}) || substr({0}::text, 11)").format(value, sql.Literal(ORDERS[self.dates]))
        if column.type == "text" and self.guard:
            return sql.SQL("CASE WHEN {0} ~ {1} THEN '''' || {0} ELSE {0} END").format(value, sql.Literal(DANGEROUS))
        return value

    def _json(self, column: Column, have: frozenset[str]) -> sql.Composable:
        value = field(column, have)
        if column.type == "json" and column.name in have:
            # Between its parts JSON may hold line ends, which would end the row; within its texts it has none.
            return sql.SQL("regexp_replace({}::text, E'[\\n\\r]', ' ', 'g')::json").format(value)
        return value

    def options(self, columns: Sequence[Column]) -> sql.Composable:
        """The options of the COPY."""
        if self.format == "jsonl":
            # A quote that stands nowhere in JSON, so that nothing is ever quoted.
            return sql.SQL("FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01'")
        if self.format == "lines":
            return sql.SQL("FORMAT text")
        made = sql.SQL("FORMAT csv, DELIMITER {}, NULL {}").format(sql.Literal(self.separator), sql.Literal(self.null))
        if self.quoting == "all":
            names = sql.SQL(", ").join(sql.Identifier(c.name) for c in columns)
            made = sql.SQL("{}, FORCE_QUOTE ({})").format(made, names)
        return made
