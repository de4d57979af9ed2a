"""What a task keeps of people is removed on request: what they sent, and what was made of it for them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from waystation import states
from waystation.access import Need
from waystation.acts import Act
from waystation.control import Control
from waystation.errors import TaskUnfinished
from waystation.model import State, Task
from waystation.storage import audit, holdings, staging, tasks, uploads, webhooks
from waystation.storage.db import Connection
from waystation.storage.tasks import NewEvent

FORGETS = states.FINAL - {State.FAILED}  # a failed one keeps what it staged until it is retried or stopped
FORGOTTEN = "forgotten"  # what the timeline says


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Removes a task's data; the task itself, its timeline and the audit stay, to tell that it was there."""

    control: Control

    def forget(self, task_id: UUID | str, *, actor: str, reason: str | None = None) -> Task:
        """Remove the upload, its unpacked copy, the result, the rejected rows, the file's name, secrets and the kind's log
        lines of a task. Rows that readers of a dataset see stay: undo takes those back. Asked again, it changes nothing.

        Raises TaskNotFound, TaskUnfinished, NotAllowed, and Busy while somebody reads the rejected rows.
        """
        self.control.caller.require(Need.ADMINISTER)
        task = self.control.get(task_id)
        if task.state not in FORGETS:
            raise TaskUnfinished(f"Task {task.id} is {states.task_status(task)}: it still needs what it has.")
        with self.control.database.transaction() as connection:
            now = tasks.forget(connection, task, result=holdings.without_file(task.result))
            if now is None:
                raise TaskUnfinished(f"Task {task.id} was just taken up again.")
            staging.drop_rejects(connection, task.id)
            removed = self._remove_files(connection, task)
            webhooks.forget_label(connection, task.id)
            if not removed and _was_forgotten(connection, task):
                return now
            audit.note_task(connection, actor, Act.FORGET, task, reason=reason, data={"uploads": removed})
            tasks.write_events(connection, [NewEvent(task.id, FORGOTTEN, actor, task.attempt, reason=reason or None)])
        return now

    def _remove_files(self, connection: Connection, task: Task) -> int:
        """Files go before the commit: a task that has ended never needs them again, and what fails is done by asking again."""
        files, held = self.control.files, uploads.of_task(connection, task.id)
        with suppress(ValueError):  # a kind of somebody's own may call something else `upload`
            named = uploads.get(connection, UUID(str(task.params.get("upload"))))
            if named is not None and named.task is None:  # what was only checked is held by nobody
                held.append(named)
        for upload in held:
            if uploads.delete(connection, upload.id, task=upload.task):
                files.remove_upload(upload.path)
        files.remove_task(task.id)
        return len(held)


def _was_forgotten(connection: Connection, task: Task) -> bool:
    """Whether its timeline tells so already."""
    return any(e.event == FORGOTTEN for e in tasks.latest_events(connection, task.id, logs=False, before=None, limit=100))
