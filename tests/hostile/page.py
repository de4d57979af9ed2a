"""docs/hostile-input.md, from the table and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Protocol

from tests.hostile import CASES
from tests.hostile.table import Case

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hostile-input.md"


class Measured(Protocol):
    """What was measured of one input."""

    @property
    def came(self) -> Mapping[str, int]: ...
    @property
    def web(self) -> float: ...
    @property
    def worker(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def waited(self) -> float: ...


def page(rows: Mapping[str, Measured], imports: int, size: int, day: date) -> str:
    """The page."""
    lines = [
        "<!-- Made by `make hostile`; the inputs are in tests/hostile/. -->",
        "",
        "# Hostile input",
        "",
        "What somebody might send to break Waystation, or to slow it down for others, and what comes of it. `make hostile`",
        "sends all of it to a running house (one web process, one worker with four slots, a `WAYSTATION_UPLOAD_RATE` of 65536,",
        "the defaults else) and makes this page; the suite sends the same in smaller sizes, all at once (`tests/hostile`).",
        "",
        f"{day:%-d %B %Y}, two processors shared with much other work: while the {len(rows)} inputs were sent, {imports}",
        f"imports of {size:,} rows ran one after the other; each was complete, and equal to its file. *web* and *worker* are",
        "the most memory that a process of each had meanwhile, the honest imports' own included; *others* is the longest that",
        "a look at the list of tasks waited.",
        "",
        "Where an answer has no code, the connection ends with it: the request never came as far as Waystation.",
    ]
    for group, cases in groupby(CASES, key=lambda case: case.group):
        head = [
            "| what is sent | what happens | what comes | web MB | worker MB | s | others s |",
            "| --- | --- | --- | ---: | ---: | ---: | ---: |",
        ]
        lines += ["", f"## {group}", "", *head]
        for case in cases:
            if (row := rows.get(case.name)) is not None:
                lines.append(line(case, row))
    return "\n".join(lines) + "\n"


def line(case: Case, row: Measured) -> str:
    """One input's line of the page."""
    came = "<br>".join(f"{count} × {outcome}" for outcome, count in row.came.items())
    numbers = f"{row.web:.0f} | {row.worker:.0f} | {row.seconds:.1f} | {row.waited:.2f}"
    return f"| {_cell(case.sent)} | {_cell(case.says)} | {came} | {numbers} |"


def _cell(text: str) -> str:
    return text[:1].upper() + text[1:].replace("|", "\\|")
