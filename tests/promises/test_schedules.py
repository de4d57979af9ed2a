"""Schedules on the real thing: each due time starts its task exactly once, whoever looks at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import at_state, timeline, wait_until
from waystation.access import Caller, Role
from waystation.errors import InvalidName, InvalidParams, KindNotFound, NotAllowed, ScheduleNotFound
from waystation.model import Schedule, State, TaskFilter
from waystation.reaper import Reaper
from waystation.starting import start_due, start_one
from waystation.storage import schedules
from waystation.timetable import Timetable
from waystation.wiring import House

TOWN = {"kinds": ("tests.kinds",)}
PAST = timedelta(minutes=7, seconds=30)


def put(house: House, name: str = "nightly", **more: Any) -> Schedule:
    asked = {"cron": "* * * * *", "zone": "UTC", "actor": "ann", "overlap": True, **more}
    kind = asked.pop("kind", "generate")
    return Timetable(house.control).put(name, kind, asked.pop("params", {"rows": 5}), **asked)


def late(house: House, name: str = "nightly", by: timedelta = PAST) -> datetime:
    """As if nobody had looked for so long; the due time that was first."""
    first = (datetime.now(UTC) - by).replace(second=0, microsecond=0)
    with house.database.transaction() as connection:
        connection.execute("UPDATE schedules SET next_at = %s WHERE name = %s", (first, name))
    return first


def look(house: House) -> None:
    with house.database.connect("test") as connection:
        start_due(connection)


def due_of(house: House) -> list[datetime]:
    """For which due times tasks were started."""
    made = house.control.page(TaskFilter()).tasks
    events = [house.control.events(task.id)[0] for task in made]
    return sorted(datetime.fromisoformat(str(e.data["due"])) for e in events)


def get(house: House, name: str = "nightly") -> Schedule:
    return Timetable(house.control).get(name)


def test_a_worker_starts_what_is_due(town: House) -> None:
    made = put(town)
    assert made.next_at > datetime.now(UTC)
    late(town)
    task_id = wait_until(lambda: get(town).last_task)
    assert task_id is not None
    done = at_state(town, town.control.get(task_id), State.SUCCEEDED)
    assert (done.kind, done.created_by, done.params["rows"]) == ("generate", "ann", 5)
    assert timeline(town, done)[0] == "submitted"
    assert get(town).next_at > datetime.now(UTC)
    Timetable(town.control).drop("nightly", actor="ada")


def test_many_looks_at_once_start_each_time_once(house: House) -> None:
    put(house, missed="all")
    first = late(house)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: look(house), range(8)))
    due = due_of(house)
    assert due == [first + timedelta(minutes=n) for n in range(len(due))]
    assert len(due) >= 8
    assert get(house).last_at == due[-1]


def test_one_that_dies_on_the_way_has_started_nothing(house: House) -> None:
    put(house)
    first = late(house)
    with house.database.connect("test") as connection:
        found = schedules.due(connection)
        assert found is not None
        start_one(connection, *found, datetime.now(UTC))
        connection.rollback()  # as when its process is killed before the commit
    assert due_of(house) == []
    assert get(house).next_at == first
    look(house)
    assert len(due_of(house)) == 1


@pytest.mark.parametrize(("missed", "number"), [("one", 1), ("skip", 0)])
def test_times_that_nobody_was_there_for(house: House, missed: Any, number: int) -> None:
    put(house, missed=missed, cron=f"{(datetime.now(UTC) - timedelta(minutes=5)).minute} * * * *")
    late(house, by=timedelta(minutes=5))
    look(house)
    assert len(due_of(house)) == number
    assert (get(house).note is None) == bool(number)


def test_no_second_one_while_the_first_has_not_ended(house: House) -> None:
    put(house, overlap=False)
    late(house)
    look(house)
    [first] = house.control.page(TaskFilter()).tasks
    late(house, by=timedelta(minutes=2))
    look(house)
    assert [t.id for t in house.control.page(TaskFilter()).tasks] == [first.id]
    assert str(first.id) in (get(house).note or "")
    put(house, overlap=True)
    late(house, by=timedelta(minutes=2))
    look(house)
    assert len(house.control.page(TaskFilter()).tasks) == 2


def test_a_held_one_starts_nothing_and_makes_up_for_nothing(house: House) -> None:
    put(house, held=True)
    late(house)
    look(house)
    assert due_of(house) == []
    assert put(house).next_at > datetime.now(UTC), "it begins anew"
    unchanged = get(house).next_at
    put(house, params={"rows": 6})
    assert (get(house).next_at, get(house).params["rows"]) == (unchanged, 6)


def test_the_reaper_looks(house: House) -> None:
    put(house)
    late(house)
    Reaper(house.database, house.files, house.settings, house.bell).pass_once()
    assert len(due_of(house)) == 1


def test_what_is_wrong_is_said_and_whose_it_is_counts(house: House) -> None:
    with pytest.raises(InvalidName):
        put(house, name="No Good")
    with pytest.raises(KindNotFound):
        put(house, kind="nothing")
    with pytest.raises(InvalidParams):
        put(house, params={"rows": "many"})
    with pytest.raises(InvalidParams, match="upload"):
        put(house, kind="import", params={"upload": "b51d6a1e-7c0f-4f0e-8a55-0c1d7e9f2a64"})
    put(house)
    bob = Timetable(house.control.acting_for(Caller("bob", Role.OPERATOR, token=2)))
    for act in (
        lambda: bob.drop("nightly", actor="ada"),
        lambda: bob.put("nightly", "generate", {}, cron="* * * * *", zone="UTC", actor="bob"),
    ):
        with pytest.raises(NotAllowed):
            act()
    Timetable(house.control).drop("nightly", actor="ada")
    with pytest.raises(ScheduleNotFound):
        get(house)
