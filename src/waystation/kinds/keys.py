"""Imports by key, the phases behind the reading: each key of the file meets the rows that readers of the dataset see.

The result is the same as if the rows of the file were taken one by one: with `skip`, a row whose key is there already, in the
dataset or further up in the file, is left out; with `update`, it gives its values to the row that is there, which keeps its
place. Rows with new keys stand behind, in the order of the file.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from waystation.kinds.request import ImportParams
from waystation.model import Column
from waystation.sdk import Checkpoint, Context
from waystation.sdk.merging import Base, Merging

Cursor = dict[str, Any]

TARGET = 0.15  # seconds that a step aims at
FIRST, LEAST = 5_000, 200  # rows of a step
TURN = 1.0  # seconds until one looks again whether an older import by key is done

KEYS, OLD, NEW, DONE = "keys", "old", "new", "done"  # phases
WORDS = {KEYS: "sort the keys", OLD: "look for them in the dataset", NEW: "add what is new"}


def merge(ctx: Context, params: ImportParams, cursor: Cursor) -> Generator[Checkpoint, None, Cursor]:
    """Go on from the cursor to the end of the merge; the cursor at the end is returned.

    Where another import has changed what readers see, the merge with it begins anew, even from behind its end.
    """
    merging = _merging(ctx, params, cursor)
    end = cursor["record"]  # the number behind that of the last row of the file
    at = cursor.get("merge")
    pace = _Pace(ctx.chunk_rows // 2)
    if at is None:
        merging.make_keys()
        at = {"phase": KEYS, "row": 1}
    while at["phase"] == KEYS:
        until = min(at["row"] + pace.rows, end)
        with pace.measured():
            merging.add_keys(first=at["row"], end=until)
        at = {**at, "row": until}
        if until == end:
            merging.end_keys()
            at = _begun(merging)
        yield _checkpoint(ctx, cursor, at)
    while True:
        base = merging.base()
        if [b.id for b in base] != at["base"]:
            ctx.log("What readers of the dataset see has changed: the merge with it begins anew.")
            at = _begun(merging)
        elif at["phase"] == DONE:
            return {**cursor, "merge": at}
        elif merging.older_at_work():
            ctx.throttle(TURN)
        else:
            with pace.measured():
                at = _step(merging, base, at, pace.rows, end)
        yield _checkpoint(ctx, cursor, at)


def counts(params: ImportParams, cursor: Cursor) -> dict[str, int]:
    """What became of the rows of the file that are good."""
    inserted = cursor["merge"]["inserted"]
    return {"inserted": inserted, "updated" if params.on_conflict == "update" else "skipped": cursor["good"] - inserted}


def _merging(ctx: Context, params: ImportParams, cursor: Cursor) -> Merging:
    assert params.key is not None
    assert params.on_conflict is not None
    return ctx.merging(
        [Column(c["name"], c["type"], c["why"]) for c in cursor["columns"]],
        params.key,
        params.on_conflict,
        alone=params.mode == "replace",
        rewrites=params.mode != "replace" and rewrites(params),
    )


def rewrites(params: ImportParams) -> bool:
    """Whether the batch holds the rows that were there already, too, and takes their place."""
    return params.on_conflict == "update" and not params.dry_run


def _begun(merging: Merging) -> Cursor:
    """The place at which the merge begins, once the keys are there."""
    base = merging.begin()
    at = {"phase": OLD, "base": [b.id for b in base], "nth": 0, "row": 1, "shift": 0, "start": 0, "inserted": 0}
    return _onward({**at, "passed": 0, "old": sum(b.last_row for b in base)}, base)


def _onward(at: Cursor, base: Sequence[Base]) -> Cursor:
    """The same place, or the next where there are rows: behind the last one of the base the new ones follow."""
    while at["phase"] == OLD and (at["nth"] == len(base) or at["row"] > base[at["nth"]].last_row):
        if at["nth"] == len(base):
            at = {**at, "phase": NEW, "row": 1}
        else:
            at = {**at, "nth": at["nth"] + 1, "row": 1, "passed": at["passed"] + base[at["nth"]].last_row}
    return at


def _step(merging: Merging, base: Sequence[Base], at: Cursor, rows: int, end: int) -> Cursor:
    """Merge so many rows, and go to the place behind them."""
    until = at["row"] + rows
    shift = at["passed"] if merging.rewrites else 0
    if at["phase"] == OLD:
        old = base[at["nth"]]
        until = min(until, old.last_row + 1)
        start = merging.pass_by(old, first=at["row"], end=until, shift=shift, start=at["start"])
        return _onward({**at, "row": until, "start": start}, base)
    until = min(until, end)
    start, new = merging.add_new(first=at["row"], end=until, shift=shift, start=at["start"])
    at = {**at, "row": until, "start": start, "inserted": at["inserted"] + new}
    if until == end:
        merging.end()
        at = {**at, "phase": DONE}
    return at


def _checkpoint(ctx: Context, cursor: Cursor, at: Cursor) -> Checkpoint:
    """Rows of the file count twice, as keys and as rows, those of the dataset once; at the end those of the file are told.

    The commit does not wait for the disk: the step's work and its checkpoint are lost together or not at all.
    """
    ctx.db.execute("SET LOCAL synchronous_commit = off")
    file, old = cursor["record"] - 1, at.get("old", 0)
    done = {KEYS: at["row"] - 1, OLD: file + at.get("passed", 0) + at["row"] - 1, NEW: file + old + at["row"] - 1}
    total = 2 * file + old if at["phase"] != DONE else file
    here = {**cursor, "merge": at}
    return Checkpoint(here, done=done.get(at["phase"], total), total=total, unit="rows", phase=WORDS.get(at["phase"]))


class _Pace:
    """How many rows a step takes, by the time that the last one took."""

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self.rows = min(FIRST, self._most)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Around the work of a step."""
        began = time.monotonic()
        yield
        factor = min(2.0, max(0.5, TARGET / max(time.monotonic() - began, 1e-3)))
        self.rows = min(self._most, max(LEAST, int(self.rows * factor)))
