"""How many rows a download would have, before anybody makes it: cheap at any size, for the ledger knows the dates of chunks.

A chunk whose dates are all in the range counts whole, one with none of them not at all. Those in between are counted, if they
are few, or else a few thousand of their rows are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from waystation.storage.db import Connection, Row, every
from waystation.storage.queries import load
from waystation.storage.reading import Question

SQL = load("estimating")

COUNTABLE = 200_000  # rows that are counted rather than guessed at: some hundredths of a second
CHUNKS = 256  # in which they lie at most
PLACES = 32  # that are looked at, where rows are guessed at
WINDOW = 250  # rows of each
TRIES = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """Rows that a download would have: surely from `low` to `high`, and about `rows`. Of so many `seen` `fit` did."""

    rows: int
    low: int
    high: int
    seen: int = 0
    fit: int = 0


def estimate(connection: Connection, dataset: str, question: Question) -> Estimate:
    """The rows of a dataset that are wanted, as readers see it now; the question's columns and layout don't matter."""
    for tries in range(TRIES):
        try:
            with connection.transaction():
                return _estimate(connection, dataset, question)
        except psycopg.errors.UndefinedTable:  # a batch was undone and dropped since we read that it is there
            if tries + 1 == TRIES:
                raise
    raise AssertionError("unreachable")


def _estimate(connection: Connection, dataset: str, question: Question) -> Estimate:
    found = every(
        connection,
        SQL["places"],
        dataset=dataset,
        by=question.by,
        low=question.low,
        high=question.high,
        filtered=question.where is not None,
        countable=COUNTABLE,
        chunks=CHUNKS,
        places=PLACES,
        window=WINDOW,
    )
    most, sure, doubt = found[0]["most"], found[0]["sure"], found[0]["doubt"]
    places = [row for row in found if row["relation"] is not None]
    if not places:
        return Estimate(most, most, most)
    seen, fit = _looked(connection, question, places)
    if found[0]["counted"]:
        return Estimate(sure + fit, sure + fit, sure + fit, seen, fit)
    return Estimate(sure + (doubt * fit // seen if seen else doubt // 2), sure, most, seen, fit)


def _looked(connection: Connection, question: Question, places: Sequence[Row]) -> tuple[int, int]:
    """How many rows are at these places, and how many of them are wanted. The share is that among rows with a date."""
    connection.execute("SELECT set_config('enable_seqscan', 'off', true)")  # the index finds a place; a scan would read all
    made = sql.SQL(" UNION ALL ").join([_count(question, place) for place in places])
    [row] = connection.execute(
        sql.SQL("SELECT sum(seen)::bigint AS seen, sum(fit)::bigint AS fit FROM ({}) counted").format(made)
    ).fetchall()
    return int(row["seen"]), int(row["fit"])


def _count(question: Question, place: Row) -> sql.Composed:
    have = frozenset(c["name"] for c in place["columns"])
    wanted = sql.SQL(" AND ").join([sql.SQL("true"), *question.conditions(have)])
    by = question.by
    dated = sql.SQL("{} IS NOT NULL").format(sql.Identifier(by)) if by is not None and by in have else sql.SQL("true")
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE {}) AS seen, count(*) FILTER (WHERE {}) AS fit"
        " FROM parts.{} WHERE _row BETWEEN {} AND {}"
    ).format(
        dated,
        wanted,
        sql.Identifier(place["relation"]),
        sql.Literal(place["first_row"]),
        sql.Literal(place["last_row"]),
    )
