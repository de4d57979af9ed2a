"""Whether somebody may still have what was asked for in their name earlier: looked at when it is about to begin, and what
comes of it."""

from __future__ import annotations

from waystation import states
from waystation.access import Caller, Need, Role, hidden_from
from waystation.acts import Act
from waystation.model import JsonValue, State, Task, Verb
from waystation.storage import audit, holdings, tasks, tokens
from waystation.storage.db import Connection
from waystation.storage.files import Files
from waystation.storage.tasks import NewEvent


def lost(connection: Connection, owner: str, kind: str, dataset: str | None) -> str | None:
    """Why this owner may not start a task of this kind on this dataset now; None if they may.

    A name that never had a token is that of somebody who was asked for none, or of the settings' admin.
    """
    found = tokens.of_name(connection, owner)
    if found is None:
        return None
    token, in_force = found
    if not in_force:
        return f"the token of {owner} is in force no more"
    role = Role(token.role)
    caller = Caller(owner, role, hidden_from(frozenset(token.groups), role, tokens.restrictions(connection)))
    if not caller.may(Need.SUBMIT):
        return f"{owner} has the role {role} now, which starts no tasks"
    return None if caller.sees(kind, dataset) else f"the kind or the dataset is closed to {owner} now"


def held_back(task: Task) -> bool:
    """Whether a task that was just claimed begins for the first time, and later than when it was submitted: it had a time
    (`run_at`), waited for another one, or was paused before."""
    return task.state is State.RUNNING and task.attempt == 1 and task.run_at > task.created_at


def refuse(
    connection: Connection, files: Files, task: Task, why: str, *, actor: str, lock_timeout: float, **data: JsonValue
) -> None:
    """Stop a task that has not begun, since its owner may not have it any more; the audit has it too."""
    if stop(connection, files, task, why, actor=actor, lock_timeout=lock_timeout):
        audit.note_task(connection, task.created_by, Act.REFUSED, task, data={**data, "why": why})


def stop(connection: Connection, files: Files, task: Task, why: str, *, actor: str, lock_timeout: float) -> bool:
    """Stop a task that has not begun, and let go of what it holds. Whether it was still as it was read."""
    move = states.answer(Verb.STOP, task.situation)
    if not isinstance(move, states.Move) or not tasks.shift(connection, task, move):
        return False
    tasks.write_events(connection, [NewEvent(task.id, move.event, actor, task.attempt, reason=why)])
    holdings.release(connection, files, task.id, lock_timeout=lock_timeout)
    return True
