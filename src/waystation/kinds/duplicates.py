"""The same file twice: told before its rows are in a dataset twice."""

from __future__ import annotations

from waystation.errors import DuplicateFile
from waystation.kinds.request import ImportParams
from waystation.model import State, Task
from waystation.sdk import Look
from waystation.states import task_status


def refuse_twice(look: Look, params: ImportParams) -> None:
    """Raise DuplicateFile, which names the other import, if this file is in the dataset or on its way there.

    A dry run puts nothing anywhere, so that it is never the second one, nor the first.
    """
    if params.dry_run or params.allow_duplicate:
        return
    other = look.same_file(params.upload, params.dataset)
    if other is not None:
        raise DuplicateFile(
            told(other),
            task_id=str(other.id),
            task_status=task_status(other),
            created_by=other.created_by,
            created_at=other.created_at.isoformat(timespec="seconds"),
        )


def told(other: Task) -> str:
    """A sentence about the import of the same file: whether its rows are in, whose it is, when it was asked for."""
    there = "is in" if other.state is State.SUCCEEDED else "is being imported into"
    called = f" as {other.label!r}" if other.label else ""
    return (
        f"The same file {there} the dataset {other.dataset!r} already: sent{called} by {other.created_by} on"
        f" {other.created_at:%Y-%m-%d at %H:%M} UTC, task {other.id}."
    )
