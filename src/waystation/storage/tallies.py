"""The table `tallies`: sums for whoever watches. The reaper adds up what is new; reading them reads no task that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waystation.storage.db import Connection, every, one, run
from waystation.storage.queries import load

SQL = load("tallies")
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds: the buckets of pauses and stops
MOST_EVENTS = 5000  # that are added up at once


@dataclass(frozen=True, slots=True)
class Times:
    """How often something took no longer than each of BOUNDS (the last number: at all), and how many seconds in sum."""

    numbers: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Tallies:
    """All that is told of the tables. Ages are seconds, rates units a second."""

    tasks: Mapping[tuple[str, ...], int]  # by kind and state
    events: Mapping[tuple[str, ...], int]  # by kind and event
    readopted: Mapping[str, int]  # by kind, as the times are
    pauses: Mapping[str, Times]
    stops: Mapping[str, Times]
    rates: Mapping[tuple[str, ...], float]  # by kind and unit
    oldest: Mapping[str, float]  # by queue
    undelivered: int
    connections: int
    most_connections: int


def add_up(connection: Connection) -> None:
    """Add what is new to the sums; to be committed at once. A passage that failed leaves nothing behind, and is made again."""
    row = one(connection, SQL["upto"])
    assert row is not None, "the migration has put it there"
    run(connection, SQL["add_moves"])
    upto = row["events"]
    found = one(connection, SQL["next_events"], upto=upto, most=MOST_EVENTS)
    if found and found["last"] is not None:
        run(connection, SQL["add_events"], upto=upto, to=found["last"], bounds=list(BOUNDS))
        run(connection, SQL["mark"], to=found["last"])


def read(connection: Connection) -> Tallies:
    """How it is now; sums of events are as fresh as the reaper's last pass."""
    sums: dict[str, dict[tuple[str, str], float]] = {}
    for r in every(connection, SQL["all"]):
        sums.setdefault(r["name"], {})[r["kind"], r["key"]] = r["number"]
    undelivered, room = one(connection, SQL["undelivered"]), one(connection, SQL["connections"])
    assert undelivered is not None
    assert room is not None
    return Tallies(
        tasks=_whole(sums.get("tasks", {})),
        events=_whole(sums.get("events", {})),
        readopted={kind: int(number) for (kind, _), number in sums.get("readopted", {}).items()},
        pauses=_times(sums.get("pause", {})),
        stops=_times(sums.get("stop", {})),
        rates={(r["kind"], r["unit"]): r["rate"] for r in every(connection, SQL["rates"])},
        oldest={r["queue"]: max(0.0, r["seconds"]) for r in every(connection, SQL["oldest"])},
        undelivered=undelivered["number"],
        connections=room["used"],
        most_connections=room["most"],
    )


def _whole(numbers: Mapping[tuple[str, str], float]) -> dict[tuple[str, ...], int]:
    return {key: int(number) for key, number in numbers.items()}


def _times(numbers: Mapping[tuple[str, str], float]) -> dict[str, Times]:
    found = {}
    for kind in {kind for kind, _ in numbers}:
        so_far, upto = 0, []
        for bound in (*(f"{b:g}" for b in BOUNDS), "+Inf"):
            so_far += int(numbers.get((kind, bound), 0))
            upto.append(so_far)
        found[kind] = Times(tuple(upto), numbers.get((kind, "sum"), 0.0))
    return found
