"""Effects outside the database: written down before they happen, so that each can be taken back and none is made twice."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import psycopg
from pydantic import BaseModel

from waystation.errors import WrongKind
from waystation.model import JsonValue
from waystation.sdk.lease import Lease
from waystation.sdk.rows import Row
from waystation.sdk.steps import plain
from waystation.storage import effects
from waystation.storage.db import Connection
from waystation.storage.effects import Entry, Tally

_SHORT = re.compile(r"[A-Za-z0-9._-]{1,80}")


def item_name(item: object) -> str:
    """How an item is called in keys: the same in every attempt, and fit for a header of HTTP.

    A row of a file is called by its number. Of anything else, two that are written alike are one and the same item. Raises
    WrongKind for what can't be written as JSON.
    """
    if isinstance(item, Row):
        return f"row:{item.number}"
    if isinstance(item, str | int) and _SHORT.fullmatch(str(item)):
        return str(item)
    try:
        text = json.dumps(item, sort_keys=True, allow_nan=False, default=_as_json)
    except (TypeError, ValueError) as error:
        raise WrongKind(f"An item can't be told from others by how it is written: {error}.", remedy=_FORM) from error
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _as_json(value: object) -> JsonValue:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, UUID | date | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")


_FORM = (
    "Remember what JSON can hold, and all that is needed to take it back: effect = ctx.remember({'team': name});"
    " if not effect.known: effect.keep(create(name, key=effect.key))"
)


class Effect:
    """One thing done outside the database.

    record: what was written down of it. key: its idempotency key, the same whenever this task makes or unmakes it. known: it
    has happened and `answer` is what came back; if not, it may have happened or not.
    """

    def __init__(
        self, item: str, key: str, record: JsonValue, known: bool, answer: JsonValue, note: Callable[[str, JsonValue], None]
    ) -> None:
        self.item, self.key, self.record = item, key, record
        self.known, self.answer = known, answer
        self._note = note

    def keep(self, answer: JsonValue = None) -> JsonValue:
        """It has happened, and this came back: what is needed to take it back, such as an id. Gives it back as JSON has it."""
        self.answer, self.known = plain(answer, "answer of an effect"), True
        self._note(self.item, self.answer)
        return self.answer


class Book(Protocol):
    """Where effects are written down, and struck out as they are taken back."""

    def write(self, new: Mapping[str, JsonValue], answers: Mapping[str, JsonValue]) -> dict[str, tuple[bool, JsonValue]]:
        """Write effects (item: record) and answers that came meanwhile; for good when it returns: (known, answer) of each."""

    def latest(self, limit: int) -> list[Entry]:
        """The latest that stand and may be tried now, latest first."""

    def tally(self) -> Tally:
        """How far the taking back is."""

    def mark_reversed(self, entry: Entry) -> None:
        """This one is taken back."""

    def mark_failed(self, entry: Entry, reason: str, delay: float | None) -> None:
        """This one is to be tried again after `delay` seconds, or left for good (None)."""


class TableBook:
    """The table `effects`. What is about to be done is written on a connection of its own, so that it is committed apart from
    the step; what is taken back is struck out with the step."""

    def __init__(self, task: UUID, attempt: int, connect: Callable[[], Connection], step: Callable[[], Connection]) -> None:
        self._task, self._attempt, self._connect, self._step = task, attempt, connect, step
        self._connection: Connection | None = None

    def write(self, new: Mapping[str, JsonValue], answers: Mapping[str, JsonValue]) -> dict[str, tuple[bool, JsonValue]]:
        """Write and commit; LeaseLost if the task is no longer this attempt's."""
        fresh = self._connection is None or self._connection.closed
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        try:
            return effects.remember(self._connection, self._task, self._attempt, new, answers)
        except psycopg.OperationalError:
            if fresh or not self._connection.closed:
                raise
        return self.write(new, answers)  # the connection had died meanwhile; what was written is written once

    def latest(self, limit: int) -> list[Entry]:
        """The latest that stand and may be tried now, latest first."""
        return effects.latest(self._step(), self._task, limit)

    def tally(self) -> Tally:
        """How far the taking back is."""
        return effects.tally(self._step(), self._task)

    def mark_reversed(self, entry: Entry) -> None:
        """This one is taken back."""
        effects.mark_reversed(self._step(), entry)

    def mark_failed(self, entry: Entry, reason: str, delay: float | None) -> None:
        """This one is to be tried again after `delay` seconds, or left for good (None)."""
        effects.mark_failed(self._step(), entry, reason, delay)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()


class Effects:
    """What one attempt does outside: it writes down, hands out keys, and collects the answers until they are kept.

    `call_timeout` is the seconds that a call may take: before each one, the lease must hold for that long. `remembers`: whether
    this kind can take back what it does outside, and is about to do something.
    """

    def __init__(self, task: UUID, book: Book, lease: Lease, call_timeout: float, *, remembers: bool) -> None:
        self.task, self.lease, self.call_timeout, self.remembers = task, lease, call_timeout, remembers
        self.book = book
        self._answers: dict[str, JsonValue] = {}
        self._lock = threading.Lock()

    def key(self, item: str) -> str:
        """The idempotency key of an item."""
        return f"{self.task}:{item}"

    def remember(self, records: Mapping[str, Any]) -> list[Effect]:
        """Write down what is about to be done (item: record), with one commit for all."""
        if not self.remembers:
            raise WrongKind(
                "ctx.remember(…) is for the steps of a kind that says how what it remembers is taken back.",
                remedy="Say it: @NAME.reverse\ndef take_back(ctx: Context, params: Params, effect: Effect) -> None: …",
            )
        written = {item: plain(record, "record of an effect") for item, record in records.items()}
        with self._lock:
            answers = dict(self._answers)
        known = self.book.write(written, answers)
        self.kept(answers)
        self.lease.need(self.call_timeout)
        return [Effect(item, self.key(item), record, *known[item], self._note) for item, record in written.items()]

    def again(self, entry: Entry) -> Effect:
        """An effect as it was written down."""
        return Effect(entry.item, self.key(entry.item), entry.record, entry.known, entry.answer, self._note)

    def _note(self, item: str, answer: JsonValue) -> None:
        with self._lock:
            self._answers[item] = answer

    def answers(self) -> dict[str, JsonValue]:
        """The answers that are not kept yet."""
        with self._lock:
            return dict(self._answers)

    def kept(self, answers: Mapping[str, JsonValue]) -> None:
        """These are kept now."""
        with self._lock:
            for item in answers:
                self._answers.pop(item, None)
