"""What the audit knows: the acts that it notes, a line of it, and which lines somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from waystation.model import JsonValue


class Act(StrEnum):
    """What people and programs did. A task's own moves are its timeline's; here is who asked for them, and what leaves no
    trace there."""

    SUBMIT = "task.submit"
    PAUSE = "task.pause"
    RESUME = "task.resume"
    STOP = "task.stop"
    TERMINATE = "task.terminate"
    RETRY = "task.retry"
    UNDO = "task.undo"
    FORGET = "task.forget"
    RESULT_FETCH = "result.fetch"
    REJECTS_FETCH = "rejects.fetch"
    LINK_CREATE = "link.create"
    LIMIT_SET = "limit.set"
    SCHEDULE_PUT = "schedule.put"
    SCHEDULE_DROP = "schedule.drop"
    WEBHOOK_PUT = "webhook.put"
    WEBHOOK_DROP = "webhook.drop"
    TOKEN_CREATE = "token.create"  # noqa: S105 - the name of an act
    TOKEN_REVOKE = "token.revoke"  # noqa: S105
    RESTRICT = "restriction.set"
    LOGIN = "login"
    LOGOUT = "logout"
    REFUSED = "refused"
    AUDIT_EXPORT = "audit.export"
    AUDIT_EXPIRE = "audit.expire"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the audit: who did what, to what, when and why. `about` names it, or is the kind of the task."""

    id: int
    at: datetime
    actor: str
    act: str
    about: str | None
    task: UUID | None
    dataset: str | None
    reason: str | None
    data: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Which:
    """Which lines: all that fit every field that is given. `since` is included, `till` is not."""

    actor: str | None = None
    act: str | None = None
    task: UUID | None = None
    dataset: str | None = None
    since: datetime | None = None
    till: datetime | None = None
