"""A task as a program holds it: what it was when it was asked, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from waystation.client.bars import Progress, telling
from waystation.client.shapes import EventJson, ProgressJson, RejectJson, Saved, TaskJson
from waystation.errors import EndedOtherwise, WaystationError
from waystation.model import JsonValue, Verb
from waystation.wire import error_of

if TYPE_CHECKING:
    from waystation.client.api import Client

SUCCEEDED = frozenset({"succeeded"})
# Where each verb leads; the others go on to the task's own end.
LEADS: dict[Verb, frozenset[str]] = {
    Verb.PAUSE: frozenset({"paused"}),
    Verb.STOP: frozenset({"stopped"}),
    Verb.TERMINATE: frozenset({"terminated"}),
    Verb.UNDO: frozenset({"undone"}),
}


class Task(Mapping[str, JsonValue]):
    """A task as it was at one moment. `task["status"]` and so on are the fields of the API; the commonest are attributes too.

    It never changes: `refresh` and `wait` give a new one, and so does each verb.
    """

    __slots__ = ("_aim", "_client", "_progress", "json")

    def __init__(self, client: Client, json: TaskJson, *, progress: Progress = False, aim: frozenset[str] = SUCCEEDED) -> None:
        self.json = json
        self._client, self._progress, self._aim = client, progress, aim

    # -- facts
    @property
    def id(self) -> str:
        """Its id."""
        return self.json["task_id"]

    @property
    def kind(self) -> str:
        """Its kind, such as import."""
        return self.json["kind"]

    @property
    def status(self) -> str:
        """What people see: queued, running, pausing, paused, succeeded …"""
        return self.json["status"]

    @property
    def complete(self) -> bool:
        """It has ended, one way or another."""
        return self.json["complete"]

    @property
    def progress(self) -> ProgressJson:
        """How far it is."""
        return self.json["progress"]

    @property
    def result(self) -> dict[str, JsonValue]:
        """What came of it; empty until it has succeeded."""
        return self.json["result"] or {}

    @property
    def error(self) -> WaystationError | None:
        """What made it fail, as the exception that it was."""
        return error_of(self.json["error"]) if self.json["error"] else None

    @property
    def rejected(self) -> int:
        """How many rows were refused."""
        return cast(int, self.json["rejects"]["count"]) if self.json["rejects"] else 0

    # -- time
    def refresh(self) -> Task:
        """The same task, as it is now."""
        return self._new(self._client.task(self.id))

    def wait(
        self,
        *,
        until: Iterable[str] = (),
        timeout: float | None = None,
        check: bool = True,
        progress: Progress | None = None,
    ) -> Task:
        """The task once it has ended, or its status is one of `until`.

        It must have ended as was meant (succeeded; after `stop`, stopped; …): otherwise what made it fail is raised, or
        EndedOtherwise; `check=False` lets that be. TimeoutError after `timeout` seconds. `progress` is as in `upload`, whose is
        taken over.
        """
        wanted = frozenset(until) or self._aim
        shown = self._progress if progress is None else progress
        with telling(shown, self.kind, unit=self.progress["unit"]) as told:

            def seen(task: Task) -> None:
                told(task.progress["done"], task.progress["total"])

            done = self._new(self._client.wait(self.id, until=wanted, timeout=timeout, seen=seen))
        if check:
            done.check(wanted)
        return done

    def check(self, wanted: Iterable[str] = SUCCEEDED) -> Task:
        """This task, if its status is one of `wanted`. Raises what made it fail, or EndedOtherwise."""
        if self.status in (all_wanted := sorted(wanted)):
            return self
        if self.error is not None and self["state"] == "failed":
            raise self.error
        raise EndedOtherwise(f"Task {self.id} is {self.status}, not {' or '.join(all_wanted)}.")

    # -- the verbs
    def pause(self, *, reason: str | None = None) -> Task:
        """Let it stand still at its next step; it then holds no worker."""
        return self._act(Verb.PAUSE, reason)

    def resume(self, *, reason: str | None = None) -> Task:
        """Let it go on from the same place."""
        return self._act(Verb.RESUME, reason)

    def stop(self, *, reason: str | None = None) -> Task:
        """End it and take back what it did."""
        return self._act(Verb.STOP, reason)

    def terminate(self, *, reason: str | None = None) -> Task:
        """Kill it now; what Waystation staged is dropped."""
        return self._act(Verb.TERMINATE, reason)

    def retry(self, *, reason: str | None = None, params: Mapping[str, JsonValue] | None = None) -> Task:
        """Let it go on from where it failed."""
        return self._act(Verb.RETRY, reason, params)

    def undo(self, *, reason: str | None = None) -> Task:
        """Take it back, after it has succeeded."""
        return self._act(Verb.UNDO, reason)

    # -- what came of it
    def events(self) -> Iterator[EventJson]:
        """Its timeline, oldest first."""
        return self._client.events(self.id)

    def rejected_rows(self) -> Iterator[RejectJson]:
        """The rows that it refused, in the order of the file, each with what is wrong."""
        return self._client.rejected_rows(self.id)

    def save_result(self, path: str | Path, *, got: Callable[[int], None] | None = None) -> Saved:
        """Fetch its result file; it appears at `path` only when it is whole and its sha256 is right."""
        return self._client.save_result(self.id, path, got=got)

    def _act(self, verb: Verb, reason: str | None, params: Mapping[str, JsonValue] | None = None) -> Task:
        done = self._client.act(verb, self.id, reason=reason, params=params)
        return Task(self._client, done.json, progress=self._progress, aim=LEADS.get(verb, SUCCEEDED))

    def _new(self, task: Task) -> Task:
        return Task(self._client, task.json, progress=self._progress, aim=self._aim)

    # -- as a mapping of the API's fields
    def __getitem__(self, name: str) -> JsonValue:
        return cast(dict[str, JsonValue], self.json)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.json)

    def __len__(self) -> int:
        return len(self.json)

    def __repr__(self) -> str:
        of = f" of {self.json['dataset']}" if self.json["dataset"] else ""
        return f"<Task {self.id}: {self.kind}{of}, {self.status}>"
