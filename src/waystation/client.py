"""The typed client of Waystation's HTTP API, on the standard library alone: what the command line uses, and other programs too.

    client = Client("http://127.0.0.1:5000", actor="ada")
    task = client.upload("people.csv", dataset="people")
    task = client.wait(task["task_id"])

Every answer is the JSON of the API, typed. Every refusal is raised as the class of `waystation.errors` that the server raised;
where nothing answers, `ServerNotReachable` is. A client holds no connection and may be shared between threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict, cast
from urllib.parse import quote, urlencode

from waystation.errors import ServerNotReachable
from waystation.model import JsonValue, Verb
from waystation.states import FINAL
from waystation.wire import Wire, blocks_of, error_of, size_of

__all__ = ["Client", "EventJson", "Filter", "ImportOptions", "ProgressJson", "Saved", "TaskJson", "error_of"]

LONG_POLL = 20.0  # seconds that one question of `wait` stays open
_FINAL = frozenset(state.value for state in FINAL)


class ProgressJson(TypedDict):
    """How far a task is; `percent` is null while the total is unknown, `rate` is units a second, `eta` seconds."""

    done: int
    total: int | None
    unit: str
    percent: float | None
    rate: float | None
    eta: float | None
    phase: str | None


class TaskJson(TypedDict):
    """A task, as the API tells it. Times are ISO 8601 in UTC."""

    task_id: str
    self_url: str
    kind: str
    status: str
    state: str
    wish: str | None
    goal: str | None
    complete: bool
    progress: ProgressJson
    dataset: str | None
    params: dict[str, JsonValue]
    priority: int
    attempt: int
    counts: dict[str, int]
    version: int
    created_by: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    updated_at: str
    error: dict[str, JsonValue] | None
    links: dict[str, str]
    result: dict[str, JsonValue] | None
    rejects: dict[str, JsonValue] | None
    events: str
    leftovers: list[JsonValue]


class EventJson(TypedDict):
    """One line of a task's timeline."""

    id: int
    at: str
    event: str
    actor: str
    reason: str | None
    attempt: int
    data: dict[str, JsonValue]


class Filter(TypedDict, total=False):
    """Which tasks: every field that is given must fit."""

    state: str
    status: str
    kind: str
    dataset: str
    created_by: str


class ImportOptions(TypedDict, total=False):
    """How a file is to be read; what is left out is as the server has it."""

    encoding: str
    delimiter: str
    types: Mapping[str, str]
    on_error: str
    max_errors: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """A result file that was written here: its place, its size in bytes and the sha256 that was checked."""

    path: Path
    size: int
    sha256: str


class Client:
    """Talks to the Waystation at `url` in the name of `actor`. `timeout` is the seconds that one silence may last."""

    def __init__(self, url: str = "http://127.0.0.1:5000", *, actor: str = "anonymous", timeout: float = 60.0) -> None:
        self._wire = Wire(url, actor=actor, timeout=timeout)
        self.url = self._wire.url

    # -- start ---------------------------------------------------------------------------------------------------------
    def submit(
        self, kind: str, params: Mapping[str, JsonValue] | None = None, *, priority: int | None = None, key: str | None = None
    ) -> TaskJson:
        """Start a task of any kind. `key` is the Idempotency-Key: the same request with the same key is one task."""
        body = {"kind": kind, "params": dict(params or {}), "priority": priority}
        return cast(TaskJson, self._wire.json("POST", "/tasks", body, key=key))

    def upload(
        self,
        source: str | Path | IO[bytes],
        *,
        dataset: str = "data",
        name: str | None = None,
        key: str | None = None,
        options: ImportOptions | None = None,
        sent: Callable[[int], None] | None = None,
    ) -> TaskJson:
        """Send a CSV and start its import, in constant memory. `sent` is called with the number of bytes of each block."""
        query: dict[str, str] = {"dataset": dataset}
        for option, value in (options or {}).items():
            query[option] = value if isinstance(value, str) else json.dumps(value)
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(source, "rb")) if isinstance(source, str | Path) else source
            query["name"] = name or Path(str(getattr(file, "name", "data.csv"))).name
            headers = {"Content-Type": "text/csv"}
            size = size_of(file)
            if size is not None:
                headers["Content-Length"] = str(size)
            path = f"/tasks/upload?{urlencode(query)}"
            with self._wire.ask("POST", path, blocks_of(file, sent), headers, key=key) as answer:
                return cast(TaskJson, json.load(answer))

    def download(
        self,
        *,
        dataset: str = "data",
        from_: str | None = None,
        till: str | None = None,
        by: str | None = None,
        format: str | None = None,
        key: str | None = None,
    ) -> TaskJson:
        """Start an export of the days `from_` … `till`, both included (YYYY-MM-DD); `save_result` fetches its file."""
        asked = {"dataset": dataset, "from": from_, "till": till, "by": by, "format": format}
        body = {k: v for k, v in asked.items() if v is not None}
        return cast(TaskJson, self._wire.json("POST", "/tasks/download", body, key=key))

    # -- look ----------------------------------------------------------------------------------------------------------
    def task(self, task_id: str, *, wait: float | None = None, version: int | None = None) -> TaskJson:
        """One task. With `wait`, the answer comes when it changes (from `version`, if given), at the latest after `wait` s."""
        query = {k: str(v) for k, v in (("wait", wait), ("version", version)) if v is not None}
        return cast(TaskJson, self._wire.json("GET", f"/tasks/{quote(task_id)}{'?' if query else ''}{urlencode(query)}"))

    def page(
        self, which: Filter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[TaskJson], str | None]:
        """One page of tasks, newest first, and the address of the page after it (None: this is the last)."""
        query = {**(which or {}), "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        found = self._wire.json("GET", f"/tasks/?{urlencode(query)}")
        return found["tasks"], found["next"]

    def tasks(self, which: Filter | None = None, *, limit: int | None = None) -> Iterator[TaskJson]:
        """The tasks that fit, newest first, page by page; `limit` at most."""
        found, following = self.page(which, limit=min(limit or 200, 200))
        count = 0
        while True:
            for task in found:
                if limit is not None and count >= limit:
                    return
                count += 1
                yield task
            if not following:
                return
            more = self._wire.json("GET", following)
            found, following = more["tasks"], more["next"]

    def wait(self, task_id: str, *, until: Iterable[str] = (), timeout: float | None = None) -> TaskJson:
        """The task once its status is one of `until`, or is final; TimeoutError after `timeout` seconds (None: never)."""
        wanted = frozenset(until)
        end = None if timeout is None else time.monotonic() + timeout
        task = self.task(task_id)
        while task["status"] not in wanted and not (task["complete"] or task["status"] in _FINAL):
            left = LONG_POLL if end is None else min(LONG_POLL, end - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"Task {task_id} is still {task['status']} after {timeout:g} s.")
            task = self.task(task_id, wait=round(left, 3), version=task["version"])
        return task

    def events(self, task_id: str) -> list[EventJson]:
        """The task's timeline, oldest first."""
        return cast(list[EventJson], self._wire.json("GET", f"/tasks/{quote(task_id)}/events")["events"])

    def datasets(self) -> list[dict[str, JsonValue]]:
        """The datasets, with their columns and numbers of rows and batches."""
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", "/datasets")["datasets"])

    def kinds(self) -> list[dict[str, JsonValue]]:
        """The kinds of task, each with the JSON Schema of its parameters."""
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", "/kinds")["kinds"])

    def workers(self) -> dict[str, JsonValue]:
        """The workers that were heard of lately, with all their `slots` and how many of these are `busy`."""
        return cast(dict[str, JsonValue], self._wire.json("GET", "/workers"))

    def limits(self) -> list[dict[str, JsonValue]]:
        """Kinds, datasets and queues that are limited or held."""
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", "/limits")["limits"])

    def limit(
        self, scope: str, name: str, *, running: int | None = None, held: bool = False, reason: str | None = None
    ) -> list[dict[str, JsonValue]]:
        """Let at most `running` tasks of a kind, a dataset or a queue run at a time, or begin none while `held`; with
        neither, the limit is taken away. All limits after it. Raises KindNotFound, InvalidRequest."""
        body = {"running": running, "held": held, "reason": reason}
        path = f"/limits/{quote(scope, safe='')}/{quote(name, safe='')}"
        return cast(list[dict[str, JsonValue]], self._wire.json("PUT", path, body)["limits"])

    def ready(self) -> dict[str, JsonValue]:
        """What /readyz says; `Unavailable` (with its parts in `extra`) while a part is missing."""
        return cast(dict[str, JsonValue], self._wire.json("GET", "/readyz"))

    def metrics(self) -> str:
        """The page of metrics, in Prometheus' text format."""
        return b"".join(self._wire.stream("/metrics")).decode()

    # -- the verbs -----------------------------------------------------------------------------------------------------
    def act(
        self, verb: Verb | str, task_id: str, *, reason: str | None = None, params: Mapping[str, JsonValue] | None = None
    ) -> TaskJson:
        """Ask something of a task; `params` changes what a kind allows to be changed, at a retry only.

        Raises VerbNotPossible, whose `extra` names the status and what is possible now.
        """
        body = {k: v for k, v in (("reason", reason), ("params", params)) if v is not None}
        return cast(TaskJson, self._wire.json("POST", f"/tasks/{quote(task_id)}/{verb}", body))

    def pause(self, task_id: str, *, reason: str | None = None) -> TaskJson:
        """Let it stand still at its next step; it then holds no worker."""
        return self.act(Verb.PAUSE, task_id, reason=reason)

    def resume(self, task_id: str, *, reason: str | None = None) -> TaskJson:
        """Let a paused task go on from the same place."""
        return self.act(Verb.RESUME, task_id, reason=reason)

    def stop(self, task_id: str, *, reason: str | None = None) -> TaskJson:
        """End it and take back what it did."""
        return self.act(Verb.STOP, task_id, reason=reason)

    def terminate(self, task_id: str, *, reason: str | None = None) -> TaskJson:
        """Kill it now; what Waystation staged is dropped."""
        return self.act(Verb.TERMINATE, task_id, reason=reason)

    def retry(self, task_id: str, *, reason: str | None = None, params: Mapping[str, JsonValue] | None = None) -> TaskJson:
        """Let a failed task go on from its checkpoint."""
        return self.act(Verb.RETRY, task_id, reason=reason, params=params)

    def undo(self, task_id: str, *, reason: str | None = None) -> TaskJson:
        """Take back a task that has succeeded."""
        return self.act(Verb.UNDO, task_id, reason=reason)

    # -- files ---------------------------------------------------------------------------------------------------------
    def save_result(self, task_id: str, path: str | Path, *, got: Callable[[int], None] | None = None) -> Saved:
        """Fetch the result file to `path`; it appears there only when it is whole and its sha256 is right.

        Raises NoResult; ServerNotReachable when the stream broke off or was not what the server had promised.
        """
        task = self.task(task_id)
        want = (task["result"] or {}).get("sha256")
        place = Path(path)
        part = place.with_name(f".{place.name}.{os.getpid()}.part")
        digest, size = hashlib.sha256(), 0
        try:
            with part.open("wb") as out:
                for block in self.result(task_id):
                    out.write(block)
                    digest.update(block)
                    size += len(block)
                    if got:
                        got(len(block))
            if want and digest.hexdigest() != want:
                raise ServerNotReachable("The file that came has another checksum than the server's.", remedy="Fetch it again.")
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        return Saved(place, size, digest.hexdigest())

    def result(self, task_id: str) -> Iterator[bytes]:
        """The result file in blocks of bytes, unchecked; NoResult without one."""
        return self._wire.stream(f"/tasks/{quote(task_id)}/result")

    def rejects(self, task_id: str) -> Iterator[bytes]:
        """The rejected rows as CSV, ready to be mended and uploaded again, in blocks of bytes."""
        return self._wire.stream(f"/tasks/{quote(task_id)}/rejects")
