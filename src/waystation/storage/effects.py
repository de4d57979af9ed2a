"""The table `effects`: what tasks do outside the database, written down before it is done; one function a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb

from waystation.errors import LeaseLost
from waystation.model import JsonValue
from waystation.storage.db import Connection, every, one, run
from waystation.storage.queries import load

SQL = load("effects")
LISTED = 100  # of what is not taken back, so many are named in the task's row; the table has all


@dataclass(frozen=True, slots=True)
class Entry:
    """One effect as it is written down. `known`: it happened, and `answer` is what came back from it."""

    id: int
    item: str
    record: JsonValue
    known: bool
    answer: JsonValue
    tries: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the taking back of a task's effects is. `wait`: seconds until the next of those standing may be tried again."""

    total: int
    standing: int
    reversed: int
    left: int
    wait: float | None


def remember(
    connection: Connection,
    task: UUID,
    attempt: int,
    new: Mapping[str, JsonValue],
    answers: Mapping[str, JsonValue],
) -> dict[str, tuple[bool, JsonValue]]:
    """Write effects down (item: record), keep answers that came meanwhile, and commit; what is known of each: (known, answer).

    Raises LeaseLost, and nothing is written, if the task is no longer this attempt's to work on.
    """
    rows = every(
        connection,
        SQL["remember"],
        task=task,
        attempt=attempt,
        items=list(new),
        records=[Jsonb(record) for record in new.values()],
    )
    keep(connection, task, answers)
    if one(connection, SQL["fence"], task=task, attempt=attempt) is None:
        connection.rollback()
        raise LeaseLost
    connection.commit()
    return {row["item"]: (row["known"], row["answer"]) for row in rows}


def keep(connection: Connection, task: UUID, answers: Mapping[str, JsonValue]) -> None:
    """Note what came back from effects (item: answer), in the transaction that is under way."""
    if answers:
        kept = [Jsonb(answer) for answer in answers.values()]
        run(connection, SQL["keep"], task=task, items=list(answers), answers=kept)


def latest(connection: Connection, task: UUID, limit: int) -> list[Entry]:
    """The latest effects that stand and may be tried now, latest first."""
    rows = every(connection, SQL["latest"], task=task, limit=limit)
    return [Entry(r["id"], r["item"], r["record"], r["known"], r["answer"], r["tries"]) for r in rows]


def tally(connection: Connection, task: UUID) -> Tally:
    """How far the taking back is."""
    row = one(connection, SQL["tally"], task=task)
    assert row is not None
    return Tally(**row)


def mark_reversed(connection: Connection, entry: Entry) -> None:
    """This one is taken back."""
    run(connection, SQL["mark_reversed"], id=entry.id)


def mark_failed(connection: Connection, entry: Entry, reason: str, delay: float | None) -> None:
    """This one could not be taken back: it is tried again after `delay` seconds, or left for good (None)."""
    run(connection, SQL["mark_failed"], id=entry.id, tries=entry.tries + 1, reason=reason, delay=delay)


def untaken(connection: Connection, task: UUID, why: str | None = None) -> list[JsonValue]:
    """What is not taken back, for the task's leftovers: the latest of it, and how much more there is.

    `why` is said of those for which the table has no reason of its own.
    """
    rows = every(connection, SQL["untaken"], task=task, limit=LISTED)
    told: list[JsonValue] = [
        {
            "why": r["reason"] or why,
            "record": r["record"],
            **({"answer": r["answer"]} if r["known"] else {"known": False}),
            **({"tries": r["tries"]} if r["tries"] else {}),
        }
        for r in rows
    ]
    if len(rows) == LISTED:
        counted = tally(connection, task)
        more = counted.standing + counted.left - LISTED
        if more:
            told.append({"why": f"There are {more} more."})
    return told


def stand_again(connection: Connection, task: UUID) -> None:
    """What was left is to be tried anew."""
    run(connection, SQL["stand_again"], task=task)


def forget(connection: Connection, task: UUID) -> None:
    """Let go of what was taken back."""
    run(connection, SQL["forget"], task=task)
