"""All that a task holds (staged rows, a published batch, uploads, files), and how it lets go of it."""

from __future__ import annotations

from uuid import UUID

from waystation.model import JsonValue, Task
from waystation.secret import Mask
from waystation.storage import datasets, effects, tasks, uploads
from waystation.storage.db import Connection
from waystation.storage.files import Files


def release(connection: Connection, files: Files, task: UUID, *, lock_timeout: float) -> None:
    """Let go of everything, in the transaction that ends the task's revert. It can be repeated without harm.

    Tables first, since a reader may be in their way (psycopg.errors.LockNotAvailable: roll back, wait, try again). Files go
    before the commit, which is safe because a task that is being reverted never goes back to work.
    """
    datasets.release(connection, task, lock_timeout=lock_timeout)
    for upload in uploads.of_task(connection, task):
        files.remove_upload(upload.path)
        uploads.delete(connection, upload.id, task=task)
    files.remove_task(task)
    effects.forget(connection, task)


def left_standing(connection: Connection, task: Task, *, own_undo: bool) -> list[JsonValue]:
    """What a terminate leaves: effects outside, and what only the kind's own undo (if it has one) could take back.

    An undo that may follow tries all of it anew.
    """
    mask = Mask(tasks.secrets(connection, task.id))
    left: list[JsonValue] = mask(effects.untaken(connection, task.id, "Terminated: it was not taken back."))
    effects.stand_again(connection, task.id)
    if own_undo and (task.done or task.cursor is not None):
        left.append({"why": "Terminated: the kind's own undo was not run.", "done": task.done})
    return left


def without_file(result: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
    """A result's facts, once its file is gone."""
    return {k: v for k, v in result.items() if k not in ("file", "expires")} if result else result
