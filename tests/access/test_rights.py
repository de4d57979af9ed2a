"""What begins later begins with its owner's rights at that time, or says why it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.attempts import work
from waystation.access import Role
from waystation.acts import Act, Which
from waystation.model import Schedule, State, TaskFilter
from waystation.reaper import Reaper
from waystation.starting import start_one
from waystation.storage import audit, schedules
from waystation.timetable import Timetable
from waystation.wiring import House


def revoked(house: House) -> None:
    house.gate.revoke("ada", actor="root")


def a_viewer(house: House) -> None:
    revoked(house)
    house.gate.create("ada", Role.VIEWER, actor="root")


def closed(house: House) -> None:
    house.gate.restrict("kind", "generate", ["payroll"], actor="root")


LOST = pytest.mark.parametrize(
    ("lose", "why"), [(revoked, "in force no more"), (a_viewer, "role viewer"), (closed, "closed to ada")]
)


def due(house: House) -> Schedule:
    """The schedule as it is after its time has come once more."""
    with house.database.transaction() as connection:
        found = schedules.get(connection, "nightly")
        assert found is not None
        start_one(connection, found, {}, max(found.next_at, datetime.now(UTC)))
        now = schedules.get(connection, "nightly")
        assert now is not None
        return now


def refused(house: House) -> list[str]:
    """Why, as the audit has it."""
    with house.database.transaction() as connection:
        return [str(e.data["why"]) for e in audit.select(connection, Which(act=Act.REFUSED), after=0, limit=9)]


@LOST
def test_a_schedule_starts_nothing_that_its_owner_may_not(house: House, lose: object, why: str) -> None:
    assert callable(lose)
    house.gate.create("ada", Role.OPERATOR, actor="root")
    Timetable(house.control).put("nightly", "generate", {"rows": 1}, cron="* * * * *", zone="UTC", actor="ada", overlap=True)
    assert due(house).last_task is not None
    lose(house)
    before = due(house)
    assert why in (before.note or "")
    assert due(house).last_task == before.last_task
    assert len(house.control.page(TaskFilter(kind="generate")).tasks) == 1
    assert len(refused(house)) == 1  # told once
    house.gate.restrict("kind", "generate", [], actor="root")
    if lose is not closed:
        house.gate.revoke("ada", actor="root") if lose is a_viewer else None
        house.gate.create("ada", Role.OPERATOR, actor="root")
    again = due(house)
    assert (again.note, again.last_task == before.last_task) == (None, False)


@LOST
def test_what_waited_is_stopped_when_its_owner_may_not_have_it(house: House, lose: object, why: str) -> None:
    assert callable(lose)
    house.gate.create("ada", Role.OPERATOR, actor="root")
    first, _ = house.control.submit("generate", {"rows": 1}, actor="ada")
    theirs, _ = house.control.submit("generate", {"rows": 2}, actor="ada", after=first.id)
    anybody, _ = house.control.submit("generate", {"rows": 3}, actor="who never had a token", after=first.id)
    with house.database.transaction() as connection:
        connection.execute("UPDATE tasks SET state = 'succeeded', ended_at = now() WHERE id = %s", (first.id,))
    lose(house)
    Reaper(house.database, house.files, house.settings, house.bell).pass_once()
    stopped = house.control.get(theirs.id)
    assert stopped.state is State.STOPPED
    assert any(why in (e.reason or "") for e in house.control.events(theirs.id))
    assert len(refused(house)) == 1
    begun = house.control.get(anybody.id)
    assert (begun.state, begun.waits_for) == (State.QUEUED, None)


@LOST
def test_what_has_a_time_is_stopped_when_its_owner_may_not_have_it_by_then(house: House, lose: object, why: str) -> None:
    assert callable(lose)
    house.gate.create("ada", Role.OPERATOR, actor="root")
    later = datetime.now(UTC) + timedelta(hours=1)
    theirs, _ = house.control.submit("generate", {"rows": 2}, actor="ada", run_at=later)
    anybody, _ = house.control.submit("generate", {"rows": 3}, actor="who never had a token", run_at=later)
    at_once, _ = house.control.submit("generate", {"rows": 4}, actor="ada")
    lose(house)
    with house.database.transaction() as connection:
        connection.execute("UPDATE tasks SET run_at = clock_timestamp() WHERE run_at > now()")
    work(house)
    stopped = house.control.get(theirs.id)
    assert (stopped.state, stopped.attempt) == (State.STOPPED, 0)
    assert any(why in (e.reason or "") for e in house.control.events(theirs.id))
    assert len(refused(house)) == 1
    assert house.control.get(anybody.id).state is State.SUCCEEDED
    assert house.control.get(at_once.id).state is State.SUCCEEDED  # it had only to wait for a worker
