"""Kinds for tests: honest ones, and hostile ones that fail, hang or kill themselves where they are told to."""

from __future__ import annotations

import os
import signal
import time

from pydantic import BaseModel

from waystation.sdk import Checkpoint, Context, Steps, task

TABLE = "CREATE TABLE public.counted (task uuid, n int, attempt int)"  # made in every test database


class CountParams(BaseModel):
    """How far to count, and what goes wrong on the way."""

    steps: int = 20
    nap: float = 0.01  # seconds of work in each step
    fail_at: int | None = None
    fail_times: int = 10**9
    kill_at: int | None = None
    kill_attempts: int = 1  # attempts that die
    hang_at: int | None = None
    undo_nap: float = 0.0
    undo_fails: bool = False
    limit: int = 0  # a parameter that a retry may change
    throttle_at: int | None = None


def _count(ctx: Context, params: CountParams, cursor: int = 0) -> Steps:
    """Write a row a step."""
    try:
        for n in range(cursor + 1, params.steps + 1):
            ctx.db.execute("INSERT INTO public.counted VALUES (%s, %s::int, %s::int)", (ctx.task, n, ctx.attempt))
            time.sleep(params.nap)
            if n == params.kill_at and ctx.attempt <= params.kill_attempts:
                os.kill(os.getpid(), signal.SIGKILL)
            if n == params.fail_at and params.limit == 0:
                raise RuntimeError(f"told to fail at {n}")
            if n == params.hang_at and ctx.attempt == 1:
                time.sleep(3600)
            if n == params.throttle_at:
                ctx.throttle(0.2)
            yield Checkpoint(cursor=n, done=n, total=params.steps, unit="rows")
    finally:
        ctx.log("cleaned up")
    return {"rows": params.steps}


count = task("test.count", changeable=("limit",))(_count)


@count.undo
def uncount(ctx: Context, params: CountParams, cursor: int = 0) -> Steps:
    """Take the rows back, latest first."""
    if params.undo_fails:
        raise RuntimeError("told to fail at undo")
    total = ctx.db.execute("SELECT count(*) AS n FROM public.counted WHERE task = %s", (ctx.task,)).fetchone()["n"]  # type: ignore[index]
    done = cursor
    while True:
        gone = ctx.db.execute(
            "DELETE FROM public.counted c USING (SELECT max(n) AS n FROM public.counted WHERE task = %(task)s) m"
            " WHERE c.task = %(task)s AND c.n = m.n",
            {"task": ctx.task},
        ).rowcount
        if not gone:
            return
        time.sleep(params.undo_nap)
        done += gone
        yield Checkpoint(cursor=done, done=done, total=cursor + total)


plain = task("test.plain")(_count)  # the same without an undo: it can't be undone
