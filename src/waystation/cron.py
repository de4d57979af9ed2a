"""When a schedule is due: cron's grammar in a time zone, in UTC. Pure; the grammar and the clock changes are cronsim's.

Clock changes are met as Debian's cron meets them: what would fall into a skipped hour comes right after it, and what falls
into a repeated hour comes once (unless its hour is `*`, which follows the wall).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from waystation.errors import InvalidSchedule

Missed = Literal["one", "skip", "all"]
LATE = timedelta(seconds=60)  # so late, a due time counts as missed
MOST = 50  # missed times that are made up for at once


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name, as Europe/Berlin. Raises InvalidSchedule."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # OSError: a folder of the database of zones
        raise InvalidSchedule(f"There is no time zone {name[:60]!r}.", remedy="Name one as UTC or Europe/Berlin.") from error


def _times(cron: str, zone: str, moment: datetime, *, reverse: bool = False) -> CronSim:
    if len(cron.split()) != 5:
        raise InvalidSchedule(f"{cron[:60]!r} has not the five fields of cron: minute, hour, day, month, day of the week.")
    try:
        return CronSim(cron, moment.astimezone(zone_of(zone)), reverse=reverse)
    except CronSimError as error:
        raise InvalidSchedule(f"{cron[:60]!r} is no cron expression: {error}.") from error


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first due time after a moment. Raises InvalidSchedule for an expression that is none, or that never comes."""
    try:
        return next(_times(cron, zone, after)).astimezone(UTC)
    except StopIteration:
        raise InvalidSchedule(f"{cron[:60]!r} comes on no day within the next 50 years.") from None


def next_times(cron: str, zone: str, after: datetime, count: int) -> list[datetime]:
    """The first due times after a moment, in the zone's own time; fewer if there are no more. Raises InvalidSchedule."""
    return [moment.astimezone(zone_of(zone)) for moment in islice(_times(cron, zone, after), count)]


def explain(cron: str, zone: str) -> str:
    """The expression in words, as "At 03:00 on Monday through Friday". Raises InvalidSchedule."""
    return _times(cron, zone, datetime.now(UTC)).explain()


def due_times(cron: str, zone: str, first: datetime, now: datetime, missed: Missed) -> tuple[list[datetime], datetime]:
    """For which of the due times from `first` to `now` a task is started, and the due time after them.

    one: for the latest, however late. skip: for the latest, unless it is later than LATE. all: for each, MOST at once.
    """
    if first > now:
        return [], first
    if missed == "all":
        due = [first]
        for moment in _times(cron, zone, first):
            moment = moment.astimezone(UTC)
            if moment > now or len(due) == MOST:
                return due, moment
            due.append(moment)
    latest = max(first, next(_times(cron, zone, now + timedelta(seconds=1), reverse=True), first).astimezone(UTC))
    following = next_time(cron, zone, now)
    return ([latest] if missed == "one" or now - latest <= LATE else []), following
