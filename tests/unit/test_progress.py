"""Progress: unknown totals, overruns, and time to go that never counts a pause."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from waystation.model import Goal, State, Task
from waystation.progress import progress_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task(**given: Any) -> Task:
    values: dict[str, Any] = {
        "id": uuid4(),
        "seq": 1,
        "kind": "k",
        "queue": "default",
        "priority": 0,
        "params": {},
        "dataset": None,
        "state": State.RUNNING,
        "wish": None,
        "goal": None,
        "undoable": False,
        "attempt": 1,
        "crashes": 0,
        "tries": 0,
        "cursor": None,
        "done": 0,
        "total": None,
        "unit": "rows",
        "phase": "read",
        "rate": None,
        "revert_cursor": None,
        "revert_done": 0,
        "revert_total": None,
        "files": {},
        "counts": {},
        "result": None,
        "error": None,
        "leftovers": [],
        "created_by": "ann",
        "created_at": NOW,
        "started_at": NOW,
        "ended_at": None,
        "updated_at": NOW,
        "run_at": NOW,
        "running_since": NOW,
        "active": 0.0,
        "lease_until": NOW,
        "worker": "w",
        "message": "m",
        "version": 1,
        "unique_key": None,
    }
    return Task(**{**values, **given})


def test_half_way() -> None:
    p = progress_of(task(done=50, total=100, rate=10.0))
    assert (p.percent, p.rate, p.eta, p.phase, p.unit) == (50.0, 10.0, 5.0, "read", "rows")


def test_an_unknown_total_has_no_percent_and_no_eta() -> None:
    p = progress_of(task(done=50, rate=10.0))
    assert (p.percent, p.eta, p.rate) == (None, None, 10.0)


def test_an_overrun_stays_at_a_hundred() -> None:
    p = progress_of(task(done=150, total=100, rate=10.0))
    assert (p.percent, p.eta) == (100.0, 0.0)


def test_nothing_to_do_is_done() -> None:
    assert progress_of(task(done=0, total=0)).percent == 100.0


def test_a_paused_task_has_no_rate_and_no_eta() -> None:
    p = progress_of(task(state=State.PAUSED, done=50, total=100, rate=10.0))
    assert (p.percent, p.rate, p.eta) == (50.0, None, None)


def test_while_it_is_taken_back_the_progress_is_that_of_the_taking_back() -> None:
    for state in (State.REVERTING, State.PAUSED):
        p = progress_of(task(state=state, goal=Goal.STOPPED, done=50, total=100, revert_done=5, revert_total=50))
        assert (p.done, p.total, p.percent, p.phase) == (5, 50, 10.0, "taking back")
