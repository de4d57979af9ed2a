"""Take back what a task did outside: each remembered effect, latest first, those too that may never have happened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from waystation.errors import LeaseLost
from waystation.sdk.context import Context
from waystation.sdk.effects import Effect
from waystation.sdk.retry import Retry
from waystation.sdk.steps import Checkpoint, Steps
from waystation.storage.effects import Entry

TakeBack = Callable[[Context, Any, Effect], object]


@dataclass(frozen=True, slots=True)
class Reverse:
    """How a kind takes back one effect, how many of them at a time, and how often it tries before one is left standing."""

    take_back: TakeBack
    workers: int
    retry: Retry


def reversal(ctx: Context, params: BaseModel, how: Reverse) -> Steps:
    """The steps of the taking back: a group of effects each. What can't be taken back now is tried again later; what can't be
    taken back at all is left, with the reason. The place is the book itself."""
    book = ctx.effects.book
    counted = book.tally()
    gone, left = counted.reversed, counted.left

    def point() -> Checkpoint:
        return Checkpoint(done=gone + left, total=counted.total, counts={"reversed": gone, "left": left})

    while True:
        group = book.latest(how.workers)
        if not group:
            now = book.tally()
            if not now.standing:
                return
            ctx.throttle(max(now.wait or 0.0, 0.1))
            yield point()
            continue
        begun = [(entry, ctx.calls.begin(how.workers, _call(ctx, params, how, entry))) for entry in group]
        delays: list[float] = []
        for entry, future in begun:
            error = _error(ctx, future)
            if error is None:
                book.mark_reversed(entry)
                gone += 1
                continue
            said = ctx.mask(f"{type(error).__name__}: {error}")
            again = entry.tries < how.retry.times and how.retry.meant(error)
            delay = how.retry.delay(entry.tries + 1) if again else None
            book.mark_failed(entry, said, delay)
            if delay is None:
                left += 1
                ctx.log("an effect is left standing", why=said, record=entry.record)
            else:
                delays.append(delay)
        if len(delays) == len(group):
            ctx.throttle(min(delays))  # none could be taken back: the other side is not there
        yield point()


def _call(ctx: Context, params: BaseModel, how: Reverse, entry: Entry) -> Callable[[], object]:
    effect = ctx.effects.again(entry)

    def take_back() -> object:
        ctx.effects.lease.need(ctx.call_timeout)
        return how.take_back(ctx, params, effect)

    return take_back


def _error(ctx: Context, future: Future[object]) -> Exception | None:
    try:
        ctx.calls.outcome(future)
    except LeaseLost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is written down as the reason
        return error
    return None
