"""What is due by a schedule is started: exactly once for each due time, whoever looks, and whoever dies on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import structlog

from waystation import rights, states
from waystation.acts import Act
from waystation.cron import due_times
from waystation.errors import InvalidSchedule
from waystation.model import JsonValue, Schedule
from waystation.storage import audit, schedules, tasks
from waystation.storage.db import Connection
from waystation.storage.tasks import NewEvent

log = structlog.get_logger("waystation.starting")
A_PASS = 100  # schedules that one pass sees to


def start_due(connection: Connection, now: datetime | None = None) -> None:
    """Start the tasks of all schedules that are due; each schedule is a transaction of its own, with its tasks in it."""
    for _ in range(A_PASS):
        found = schedules.due(connection)
        if found is None:
            break
        start_one(connection, *found, now or datetime.now(UTC))
        connection.commit()
    connection.commit()


def start_one(connection: Connection, schedule: Schedule, secrets: dict[str, str], now: datetime) -> None:
    """Start the tasks of one schedule that is due, and note its next time; the caller commits both together."""
    try:
        due, following = due_times(schedule.cron, schedule.zone, schedule.next_at, max(now, schedule.next_at), schedule.missed)
    except InvalidSchedule as error:  # its zone was dropped from the database of zones, or it comes no more
        log.error("a schedule is held: it can't be read", schedule=schedule.name, error=error.detail)
        schedules.hold(connection, schedule.name, note=error.detail)
        return
    if due and (why := rights.lost(connection, schedule.created_by, schedule.kind, schedule.dataset)):
        if why != schedule.note:  # told once
            told: dict[str, JsonValue] = {"schedule": schedule.name, "why": why}
            audit.note(connection, schedule.created_by, Act.REFUSED, about=schedule.name, dataset=schedule.dataset, data=told)
        schedules.done(connection, schedule.name, next_at=following, last_at=None, last_task=None, note=why)
        return
    started: UUID | None = None
    last_at, note = None, "it was missed, and is left out" if not due else None
    for moment in due:
        if not schedule.overlap and (busy := _under_way(connection, started or schedule.last_task)):
            note = f"the task before it, {busy}, had not ended"
            break
        made = _insert(connection, schedule, secrets, moment)
        if made is None:
            note = "another task for the same was under way"
            break
        started, last_at = made, moment
    schedules.done(connection, schedule.name, next_at=following, last_at=last_at, last_task=started, note=note)


def _under_way(connection: Connection, task: UUID | None) -> UUID | None:
    found = tasks.get(connection, task) if task else None
    return found.id if found is not None and found.state not in states.FINAL else None


def _insert(connection: Connection, schedule: Schedule, secrets: dict[str, str], due: datetime) -> UUID | None:
    """The task for this due time; None if another one for its unique key is under way."""
    try:
        with connection.transaction():
            made = tasks.insert(
                connection,
                id=uuid4(),
                kind=schedule.kind,
                queue=schedule.queue,
                priority=schedule.priority,
                params=schedule.params,
                secrets=secrets,
                dataset=schedule.dataset,
                undoable=schedule.undoable,
                unit=schedule.unit,
                unique_key=schedule.unique_key,
                created_by=schedule.created_by,
                idempotency_key=None,
                request_hash="",
            )
            assert made is not None
            said: dict[str, JsonValue] = {"schedule": schedule.name, "due": due.isoformat()}
            audit.note_task(connection, made.created_by, Act.SUBMIT, made, data=said)
            tasks.write_events(connection, [NewEvent(made.id, "submitted", schedule.created_by, 0, data=said)])
            return made.id
    except psycopg.errors.UniqueViolation:
        return None
