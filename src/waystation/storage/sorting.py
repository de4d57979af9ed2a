"""All pinned rows in the order of a column: one COPY, which goes on behind any row by its value, batch and number.

The value itself is never written down: it is looked up in the row where one stopped, so that no digit of it can be lost. Nulls
come last. Rows with the same value come in the order of the files, so that the order is the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from waystation.model import Column
from waystation.storage.reading import Part, Question, field


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and whether the greatest comes first."""

    column: Column
    descending: bool = False


def copy_sorted(question: Question, order: Order, parts: Sequence[Part], after: tuple[int, int] | None) -> sql.Composed:
    """The COPY of all rows behind one (its publish number and `_row`), each with these two numbers in front."""
    key = sql.SQL("r.{}").format(sql.Identifier(order.column.name))
    if order.column.type == "text":
        key = sql.SQL('({} COLLATE "C")').format(key)  # the same order in every database
    names = frozenset(c.name for c in question.columns)
    raw = {c.name: c for c in (*question.columns, order.column)}
    query = sql.SQL("SELECT r._no, r._row, {} FROM ({}) r").format(
        question.layout.fields(question.columns, names),
        sql.SQL(" UNION ALL ").join([_rows(question, part, list(raw.values())) for part in parts]),
    )
    if after is not None:
        query = sql.SQL("{} CROSS JOIN ({}) b WHERE {}").format(query, _value(order, parts, after), _behind(order, key, after))
    query = sql.SQL("{} ORDER BY {} IS NULL, {}{}, r._no, r._row").format(
        query, key, key, sql.SQL(" DESC" if order.descending else "")
    )
    return sql.SQL("COPY ({}) TO STDOUT WITH ({})").format(query, question.layout.options(question.columns))


def _rows(question: Question, part: Part, columns: Sequence[Column]) -> sql.Composed:
    selected = [sql.SQL("{} AS {}").format(field(c, part.columns), sql.Identifier(c.name)) for c in columns]
    return sql.SQL("SELECT {}::bigint AS _no, _row, {} FROM parts.{} WHERE {}").format(
        sql.Literal(part.publish_no),
        sql.SQL(", ").join(selected),
        sql.Identifier(part.relation),
        sql.SQL(" AND ").join(question.conditions(part.columns) or [sql.SQL("true")]),
    )


def _value(order: Order, parts: Sequence[Part], after: tuple[int, int]) -> sql.Composed:
    """The value of the row where one stopped."""
    found = [
        sql.SQL("SELECT {} AS v FROM parts.{} WHERE _row = {}").format(
            field(order.column, part.columns), sql.Identifier(part.relation), sql.Literal(after[1])
        )
        for part in parts
        if part.publish_no == after[0]
    ]
    return sql.SQL("SELECT v FROM ({}) one LIMIT 1").format(sql.SQL(" UNION ALL ").join(found))


def _behind(order: Order, key: sql.Composable, after: tuple[int, int]) -> sql.Composed:
    """What is true of the rows behind it: null after all values, then the value, then the place."""
    return sql.SQL(
        "({key} IS NULL) > (b.v IS NULL) OR (({key} IS NULL) = (b.v IS NULL) AND ({key} {sign} b.v"
        " OR (({key} = b.v OR b.v IS NULL) AND (r._no, r._row) > ({no}::bigint, {row}::bigint))))"
    ).format(key=key, sign=sql.SQL("<" if order.descending else ">"), no=sql.Literal(after[0]), row=sql.Literal(after[1]))
