"""When schedules are due: zones, clock changes, and times that nobody was there for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystation.cron import LATE, MOST, due_times, next_time
from waystation.errors import InvalidSchedule

NOON = datetime(2024, 3, 30, 12, 0, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("0 3 * * mon-fri", "UTC", at(2024, 3, 30), at(2024, 4, 1, 3)),
        ("0 3 * * *", "Europe/Berlin", at(2024, 3, 1), at(2024, 3, 1, 2)),
        ("0 3 * * *", "Europe/Berlin", at(2024, 4, 1), at(2024, 4, 1, 1)),
        ("30 2 * * *", "Europe/Berlin", at(2024, 3, 31, 0), at(2024, 3, 31, 1)),  # that hour is skipped: right after it
        ("30 2 * * *", "Europe/Berlin", at(2024, 10, 27, 0, 30), at(2024, 10, 28, 1, 30)),  # that hour comes twice: once
        ("0 0 29 2 *", "UTC", at(2024, 3, 1), at(2028, 2, 29)),
        ("*/15 9-17 * * 1", "Asia/Kolkata", at(2024, 3, 30), at(2024, 4, 1, 3, 30)),
    ],
)
def test_the_next_time(cron: str, zone: str, after: datetime, due: datetime) -> None:
    assert next_time(cron, zone, after) == due


@pytest.mark.parametrize(
    ("cron", "zone", "says"),
    [
        ("every day", "UTC", "five fields"),
        ("* * * * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "no cron expression"),
        ("0 0 30 2 *", "UTC", "on no day|no cron"),
        ("* * * * *", "Mars/Olympus", "no time zone"),
        ("* * * * *", "../etc/passwd", "no time zone"),
        ("* * * * *", "Europe", "no time zone"),
    ],
)
def test_what_is_no_schedule_is_said(cron: str, zone: str, says: str) -> None:
    with pytest.raises(InvalidSchedule, match=says):
        next_time(cron, zone, NOON)


def test_times_that_nobody_was_there_for() -> None:
    first = NOON - timedelta(minutes=20)
    every = [NOON - timedelta(minutes=m) for m in (20, 15, 10, 5, 0)]
    following = NOON + timedelta(minutes=5)
    assert due_times("*/5 * * * *", "UTC", first, NOON, "all") == (every, following)
    assert due_times("*/5 * * * *", "UTC", first, NOON, "one") == (every[-1:], following)
    assert due_times("*/5 * * * *", "UTC", first, NOON + LATE, "skip") == (every[-1:], following)
    assert due_times("*/5 * * * *", "UTC", first, NOON + LATE + timedelta(seconds=1), "skip") == ([], following)
    assert due_times("*/5 * * * *", "UTC", following, NOON, "one") == ([], following)
    due, then = due_times("* * * * *", "UTC", NOON - timedelta(days=1), NOON, "all")
    assert (len(due), then) == (MOST, due[-1] + timedelta(minutes=1)), "the rest comes at the next looks"


@given(st.integers(0, 10**6), st.sampled_from(["*/7 * * * *", "0 * * * *", "5,35 2 * * *"]), st.integers(1, 10**5))
def test_one_look_after_the_other_tells_each_time_once(start: int, cron: str, span: int) -> None:
    begin = at(2024, 3, 25) + timedelta(seconds=start)
    first = next_time(cron, "Europe/Berlin", begin)
    now = first + timedelta(seconds=span)
    told, following = [], first
    while following <= now:
        due, following = due_times(cron, "Europe/Berlin", following, now, "all")
        told += due
    assert told == sorted(set(told))
    assert told[0] == first
    assert following == next_time(cron, "Europe/Berlin", told[-1])
