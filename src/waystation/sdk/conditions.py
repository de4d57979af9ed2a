"""A row filter as a condition in SQL: each column is one of the dataset's, each value one of its column's type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from psycopg import sql

from waystation.csvio.types import TYPES
from waystation.errors import InvalidFilter
from waystation.filters import Asked, Both, Node, Not, Value, parse
from waystation.model import SQL_TYPES, Column
from waystation.storage.reading import Condition, field

TEXTS = {"like": "{0} LIKE {1}", "contains": "strpos({0}, {1}) > 0", "starts with": "starts_with({0}, {1})"}
TEXTS["ends with"] = "right({0}, length({1})) = {1}"
_Made = Callable[[frozenset[str]], sql.Composable]


def condition(source: str, columns: Sequence[Column]) -> Condition:
    """What is true of the rows that are wanted. Raises InvalidFilter with the place of what is wrong.

    A comparison with a field that is null is neither true nor false, so that no row comes by it, nor by its contrary.
    """
    return _made(parse(source), {c.name: c for c in columns})


def _made(node: Node, columns: Mapping[str, Column]) -> _Made:
    match node:
        case Not(of):
            inner = _made(of, columns)
            return lambda have: sql.SQL("(NOT {})").format(inner(have))
        case Both(word, parts):
            made = [_made(part, columns) for part in parts]
            mark = sql.SQL(" AND " if word == "and" else " OR ")
            return lambda have: sql.SQL("({})").format(mark.join([one(have) for one in made]))
        case Asked():
            return _test(node, columns)


def _test(test: Asked, columns: Mapping[str, Column]) -> _Made:
    column = columns.get(test.column)
    if column is None:
        known = ", ".join(list(columns)[:20])
        raise _wrong(test.at, f"there is no column {test.column[:60]!r}; the columns are {known}")
    if test.what == "is null":
        return lambda have: sql.SQL("({} IS NULL)").format(field(column, have))
    if column.type == "json":
        raise _wrong(test.at, f"the column {column.name!r} holds json, which can only be asked for `is null`")
    if test.what in TEXTS:
        if column.type != "text":
            raise _wrong(
                test.at, f"`{test.what}` is for text, and the column {column.name!r} holds {TYPES[column.type].values}"
            )
        return _of_text(test, column)
    values = [_literal(value, column) for value in test.values]
    if test.what == "in":
        return lambda have: sql.SQL("({} IN ({}))").format(field(column, have), sql.SQL(", ").join(values))
    # Texts are compared by their characters' numbers: the same everywhere, whatever the database's language.
    collate = sql.SQL(' COLLATE "C"' if column.type == "text" else "")
    sign = sql.SQL("<>" if test.what == "!=" else test.what)
    return lambda have: sql.SQL("({}{} {} {})").format(field(column, have), collate, sign, values[0])


def _of_text(test: Asked, column: Column) -> _Made:
    [value] = test.values
    if value.looks != "text":
        raise _wrong(value.at, f"`{test.what}` needs a text in single quotes")
    if test.what == "like" and (len(value.text) - len(value.text.rstrip("\\"))) % 2:
        raise _wrong(value.at, "the pattern ends in a backslash that escapes nothing")
    form = sql.SQL(f"({TEXTS[test.what]})")
    literal = sql.SQL("{}::text").format(sql.Literal(value.text))
    return lambda have: form.format(field(column, have), literal)


def _literal(value: Value, column: Column) -> sql.Composable:
    """The value, of the column's type; InvalidFilter if it is none."""
    kind = TYPES[column.type]
    if column.type in ("text", "date", "timestamp", "time", "uuid") and value.looks != "text":
        raise _wrong(value.at, f"the column {column.name!r} holds {kind.values}: write the value in single quotes")
    try:
        text = kind.parse(value.text)
    except ValueError as error:
        raise _wrong(value.at, f"{error}; the column {column.name!r} holds {kind.values}") from error
    return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(SQL_TYPES[column.type]))


def _wrong(at: int, what: str) -> InvalidFilter:
    return InvalidFilter(f"The filter is wrong at character {at}: {what}.", position=at)
