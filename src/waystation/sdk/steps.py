"""What a kind yields, and the one loop that drives it: in production and in an author's tests alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from waystation.errors import WrongKind
from waystation.model import JsonValue


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of a step: what it did is kept together with this, or not at all.

    cursor: where the next step begins, anything that JSON can hold; None leaves it as it was.
    done, total: how far the task is, in `unit`; None leaves them as they were.
    phase: a word for what is going on; counts: numbers to show beside the progress, such as rows rejected.
    keep_slot: the work since `cursor` can't be gone on with, only done again: do not give the slot to others who wait. A
    pause, a stop and the end of the worker are obeyed all the same.
    holds: what is asked is not obeyed at this yield, since something must be put away before. The kind looks at `ctx.wish`
    and `ctx.draining`, puts it away, and yields without this; or it stands still itself, with its slot, while a pause lasts.
    """

    cursor: JsonValue = None
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    phase: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    keep_slot: bool = False
    holds: bool = False


Steps = Generator[Checkpoint, None, Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """The generator came to its end and returned this."""

    value: Any


@dataclass(frozen=True, slots=True)
class Left:
    """`save` said no: the generator was closed where it stood."""


def drive(steps: Steps, save: Callable[[Checkpoint], bool]) -> Finished | Left:
    """Run a kind's generator step by step; `save` keeps each checkpoint and says whether to go on.

    The generator is closed at the end in any case, so that its `finally` runs. Raises WrongKind for what is no Checkpoint
    or holds a cursor that JSON can't, and whatever the kind raises.
    """
    try:
        while True:
            try:
                point = next(steps)
            except StopIteration as end:
                return Finished(end.value)
            if not isinstance(point, Checkpoint):
                raise WrongKind(f"The kind yielded {type(point).__name__!r}; yield Checkpoint(cursor=…, done=…).")
            plain(point.cursor, "cursor")
            if not save(point):
                return Left()
    finally:
        steps.close()


def plain(value: Any, what: str) -> Any:
    """The value as JSON gives it back; WrongKind for one that JSON can't hold."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise WrongKind(f"The {what} can't be written as JSON: {error}.") from error
