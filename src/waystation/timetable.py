"""Schedules, as people ask for them: made, changed, held, dropped. What is due is started by `starting`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from waystation.access import Need
from waystation.acts import Act
from waystation.control import Control, Looker
from waystation.cron import Missed, next_time
from waystation.errors import InvalidParams, ScheduleNotFound
from waystation.model import JsonValue, Schedule
from waystation.names import check_name
from waystation.storage import audit, schedules


@dataclass(frozen=True, slots=True)
class Timetable:
    """The schedules, for whoever the control acts for: what is closed to them is not there."""

    control: Control

    def every(self) -> list[Schedule]:
        """All schedules by name."""
        with self.control.database.transaction() as connection:
            found = schedules.every_schedule(connection)
        return [s for s in found if self.control.caller.sees(s.kind, s.dataset)]

    def get(self, name: str) -> Schedule:
        """One; ScheduleNotFound without one."""
        with self.control.database.transaction() as connection:
            found = schedules.get(connection, name)
        if found is None or not self.control.caller.sees(found.kind, found.dataset):
            raise ScheduleNotFound(f"There is no schedule named {name[:60]!r}.")
        return found

    def put(
        self,
        name: str,
        kind: str,
        params: Mapping[str, JsonValue],
        *,
        cron: str,
        zone: str,
        actor: str,
        missed: Missed = "one",
        overlap: bool = False,
        held: bool = False,
        priority: int | None = None,
    ) -> Schedule:
        """Make a schedule, or another one under its name; its tasks are `actor`'s. A schedule that was held begins anew: what
        was due meanwhile is no missed time.

        Raises InvalidName, InvalidSchedule, what a submission of its task raises, and NotAllowed for somebody else's.
        """
        check_name(name, "a schedule")
        known, model, clean, secrets = self.control.checked(kind, params)
        if "upload" in clean:
            raise InvalidParams(
                "A schedule can't have the parameter 'upload': an upload goes with the task that used it.",
                remedy="Schedule a kind that fetches its data itself.",
            )
        next_at = next_time(cron, zone, datetime.now(UTC))
        with self.control.database.transaction() as connection:
            self._must_own(schedules.get(connection, name))
            if known.check_params is not None:
                known.check_params(Looker(connection, self.control.files, self.control.settings), model)
            dataset = clean.get("dataset")
            told: dict[str, JsonValue] = {"kind": kind, "cron": cron, "zone": zone, "held": held}
            named = dataset if isinstance(dataset, str) else None
            audit.note(connection, actor, Act.SCHEDULE_PUT, about=name, dataset=named, data=told)
            return schedules.put(
                connection,
                name=name,
                kind=kind,
                queue=known.queue,
                priority=known.priority if priority is None else priority,
                params=clean,
                secrets=secrets,
                dataset=named,
                undoable=known.undoable,
                unit=known.unit,
                unique_key=known.unique_key(model),
                cron=" ".join(cron.split()),
                zone=zone,
                missed=missed,
                overlap=overlap,
                held=held,
                created_by=actor,
                next_at=next_at,
            )

    def hold(self, name: str, held: bool, *, actor: str) -> Schedule:
        """Let it start nothing for now, or go on. Raises ScheduleNotFound and NotAllowed."""
        self.control.caller.require(Need.SUBMIT)
        there = self.get(name)
        self._must_own(there)
        next_at = next_time(there.cron, there.zone, datetime.now(UTC))
        with self.control.database.transaction() as connection:
            found = schedules.set_held(connection, name, held=held, next_at=next_at)
            if found is None:  # dropped meanwhile
                raise ScheduleNotFound(f"There is no schedule named {name[:60]!r}.")
            told: dict[str, JsonValue] = {"kind": found.kind, "cron": found.cron, "zone": found.zone, "held": held}
            audit.note(connection, actor, Act.SCHEDULE_PUT, about=name, dataset=found.dataset, data=told)
        return found

    def drop(self, name: str, *, actor: str) -> None:
        """It starts nothing any more; tasks that it has started go on. Raises ScheduleNotFound and NotAllowed."""
        self.control.caller.require(Need.SUBMIT)
        self._must_own(self.get(name))
        with self.control.database.transaction() as connection:
            if schedules.delete(connection, name):
                audit.note(connection, actor, Act.SCHEDULE_DROP, about=name)

    def _must_own(self, there: Schedule | None) -> None:
        if there is not None:
            self.control.caller.require_own(there.created_by, f"The schedule {there.name!r}")
