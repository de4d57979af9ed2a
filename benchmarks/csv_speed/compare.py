"""Rounds, in which all take turns, and what comes of them: medians, and the median of the ratios within the rounds."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from benchmarks.csv_speed.meter import Taken


@dataclass(slots=True)
class Case:
    """One way to do it. note: what is to be said of it. bar: how many times as fast as the first case it has to be. turns: in
    how many rounds it takes part, if not in all."""

    name: str
    once: Callable[[], Taken]
    note: str = ""
    bar: float | None = None
    turns: int | None = None
    takes: list[Taken] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Claim:
    """What has to hold between two cases: `fast` is so many times as fast as `slow`."""

    fast: str
    slow: str
    times: float


def rounds(title: str, cases: Sequence[Case], count: int, claims: Sequence[Claim] = ()) -> bool:
    """Let the cases take turns `count` times, the first one of a round another each time; print the table. The first case is
    what the others are measured by. Whether every bar and claim is held."""
    for number in range(count):
        for at in range(len(cases)):
            case = cases[(at + number) % len(cases)]
            if case.turns is not None and number >= case.turns:
                continue
            case.takes.append(case.once())
            print(f"{title} {number + 1}/{count} {case.name}: {case.takes[-1].seconds:.2f} s", file=sys.stderr, flush=True)
    named = {case.name: case for case in cases}
    held = True
    table = Table(title=title, title_justify="left")
    for column in ("", "s", "x", "least–most", "bar", "held", "slot s", "client CPU s", "server CPU s", "peak MB", ""):
        table.add_column(column, justify="right" if column else "left")
    for case in cases:
        ratios = _ratios(cases[0], case)
        ratio = statistics.median(ratios)
        good = case.bar is None or ratio >= case.bar
        held = held and good
        slots = [take.slot for take in case.takes if take.slot is not None]
        table.add_row(
            case.name,
            f"{_median(case, 'seconds'):.2f}",
            f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.4f}",
            f"{min(ratios):.2f}–{max(ratios):.2f}",
            "" if case.bar is None else f"{case.bar:g}",
            "" if case.bar is None else "yes" if good else "NO",
            f"{statistics.median(slots):.2f}" if slots else "",
            f"{_median(case, 'client'):.2f}",
            f"{_median(case, 'server'):.2f}",
            f"{max(take.peak for take in case.takes) / 1e6:.0f}",
            case.note,
        )
    Console(width=150).print(table)
    for claim in claims:
        times = statistics.median(_ratios(named[claim.slow], named[claim.fast]))
        good = times >= claim.times
        held = held and good
        print(
            f"{claim.fast} is {times:.0f} times as fast as {claim.slow} (bar {claim.times:g}): {'held' if good else 'NOT HELD'}"
        )
    sys.stdout.flush()
    return held


def _ratios(base: Case, case: Case) -> list[float]:
    return [a.seconds / b.seconds for a, b in zip(base.takes, case.takes, strict=False)]  # of the rounds that both have


def _median(case: Case, what: str) -> float:
    return float(statistics.median(getattr(take, what) for take in case.takes))
