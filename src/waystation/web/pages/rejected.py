"""The rows that an import did not take, as a task's page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from waystation.control import Control
from waystation.csvio.names import safe_names
from waystation.model import Task

SHOWN = 50  # rejects on the page


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected row as the page shows it; `bad` is the place of the cell that is wrong, if it is one cell."""

    line: int
    reason: str
    cells: list[str]
    bad: int | None


def rejected(control: Control, task: Task) -> tuple[list[str], list[Rejected]]:
    """The header of the task's file and its first rejected rows."""
    if not task.counts.get("bad"):
        return [], []
    header = control.reject_header(task.id)
    known = {name: at for at, name in enumerate(safe_names(header)[0])} | {name: at for at, name in enumerate(header)}
    return header, [
        Rejected(row["line"], row["reason"], list(row["fields"]), known.get(row["col"]))
        for row in control.reject_rows(task.id, limit=SHOWN)
    ]
