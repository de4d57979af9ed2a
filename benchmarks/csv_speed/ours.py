"""Waystation's own imports and exports, by a real worker, with all that they do: submit → succeeded."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import JsonValue

from benchmarks.csv_speed import meter
from benchmarks.csv_speed.stage import Ours, Stage
from waystation.model import State, Task, Verb
from waystation.states import FINAL

EVERY = 0.1  # seconds between two looks at a task: to look takes time away from it


def send(ours: Ours, file: Path) -> str:
    """Take a file in; the id of the upload."""
    with ours.house.control.receive(file.name, actor="bench") as writer, file.open("rb") as source:
        while data := source.read(2**20):
            writer.write(data)
        return str(writer.commit().id)


def timed(stage: Stage, ours: Ours, kind: str, params: dict[str, JsonValue]) -> tuple[meter.Taken, Task]:
    """Submit a task and wait until it has succeeded: what it took, by the times in its row."""
    with meter.metered(stage.postmaster, lambda: meter.family(ours.worker)) as taken:
        task = _end_of(ours, ours.house.control.submit(kind, params, actor="bench")[0])
    if task.state is not State.SUCCEEDED:
        raise SystemExit(f"{kind} by {ours.name} is {task.state}: {task.error}")
    assert task.ended_at is not None
    taken.seconds = (task.ended_at - task.created_at).total_seconds()
    taken.slot = task.active
    return taken, task


def load(
    stage: Stage, ours: Ours, file: Path, dataset: str, types: dict[str, str], *, rows: int, bad: int
) -> tuple[meter.Taken, Task]:
    """Import a file into a dataset of its own; `types` are named in the request, those of other columns are found in the file.
    Raises SystemExit if the rows and rejects are not those of the file."""
    upload = send(ours, file)
    stage.settle()
    params: dict[str, JsonValue] = {"upload": upload, "dataset": dataset, "types": dict(types), "max_errors": rows}
    taken, task = timed(stage, ours, "import", params)
    assert task.result is not None
    found = (task.result["rows"], task.result["rejected"])
    if found != (rows - bad, bad):
        raise SystemExit(f"{file.name} by {ours.name}: (rows, rejects) are {found} and not {(rows - bad, bad)}.")
    return taken, task


def undo(ours: Ours, task: Task) -> None:
    """Take a task back, and wait for it."""
    ours.house.control.act(Verb.UNDO, task.id, actor="bench")
    _end_of(ours, ours.house.control.get(task.id), State.UNDONE)


def result(ours: Ours, task: Task) -> Path:
    """Where the file of an export is."""
    return ours.house.settings.home / "downloads" / f"{task.id}.csv"


def _end_of(ours: Ours, task: Task, wanted: State | None = None) -> Task:
    while task.state not in FINAL or (wanted is not None and task.state is not wanted):
        time.sleep(EVERY)
        task = ours.house.control.get(task.id)
    return task
