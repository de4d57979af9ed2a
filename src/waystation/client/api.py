"""The client itself: one method for each thing that the API can do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, TypedDict, cast
from urllib.parse import quote, urlencode
from uuid import uuid4

from waystation.client.bars import Progress, Told, telling
from waystation.client.sending import PATIENCE, Memory, Sender
from waystation.client.shapes import ConsequenceJson, EventJson, Filter, LinkJson, RejectJson, Saved, TaskJson
from waystation.client.task import Task
from waystation.errors import ServerNotReachable, WaystationError
from waystation.model import JsonValue, Verb
from waystation.states import FINAL
from waystation.wire import Wire, blocks_of, size_of

LONG_POLL = 20.0  # seconds that one question of `wait` stays open
RESUMABLE_FROM = 8 * 2**20  # bytes from which a file is sent so that a broken connection costs nothing
SUBMIT_TRIES = 6  # a submission with a key is asked again where nobody answered: 16 s in all
PAGE = 500  # lines of a timeline or of rejects that are asked for at once
_FINAL = frozenset(state.value for state in FINAL)


class ImportOptions(TypedDict, total=False):
    """How a file is to be imported: docs/how-to-import.md tells of each. What is left out is as the server has it."""

    mode: str
    key: Sequence[str]
    on_conflict: str
    encoding: str
    delimiter: str
    quote: str | None
    escape: str | None
    header: bool | Sequence[str]
    ragged: str
    columns: Sequence[str] | Mapping[str, str]
    types: Mapping[str, str]
    dates: str
    thousands: str
    decimal: str
    nulls: Sequence[str]
    formulas: str
    constraints: Mapping[str, Mapping[str, JsonValue]]
    on_error: str
    max_errors: int | str | None
    dry_run: bool
    allow_duplicate: bool


class ExportOptions(TypedDict, total=False):
    """Which rows and columns are wanted, and how they are written; docs/how-to-export.md tells what each means."""

    columns: Sequence[str] | str  # a text names them parted by commas
    filter: str
    order: str
    format: str
    compression: str
    delimiter: str
    quoting: str
    null: str
    dates: str
    bom: bool
    formulas: str


class Client:
    """Talks to the Waystation at `url` in the name of `actor`, with a `token` where the server asks for one.

    `timeout` is the seconds that one silence may last, `patience` those for which a large upload is tried again without any
    progress before it is given up.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:5000",
        *,
        actor: str = "anonymous",
        token: str | None = None,
        timeout: float = 60.0,
        patience: float = PATIENCE,
    ) -> None:
        self._wire = Wire(url, actor=actor, token=token, timeout=timeout)
        self._patience = patience
        self.url = self._wire.url

    # -- start ---------------------------------------------------------------------------------------------------------
    def submit(
        self,
        kind: str,
        params: Mapping[str, JsonValue] | None = None,
        *,
        priority: int | None = None,
        key: str | None = None,
        run_at: datetime | None = None,
        after: str | None = None,
    ) -> Task:
        """Start a task of any kind. `key` is the Idempotency-Key: the same request with the same key is one task.

        run_at: it begins then, not before (without a zone: this machine's). after: once this task has succeeded.
        """
        when = run_at.astimezone().isoformat() if run_at else None
        body = {"kind": kind, "params": dict(params or {}), "priority": priority, "run_at": when, "after": after}
        return Task(self, self._wire.json("POST", "/tasks", body, key=key))

    def upload(
        self,
        source: str | Path | IO[bytes],
        *,
        dataset: str = "data",
        name: str | None = None,
        key: str | None = None,
        options: ImportOptions | None = None,
        progress: Progress = False,
        remember: Path | None = None,
    ) -> Task:
        """Send a CSV and start its import, in constant memory.

        A large file is sent so that a broken connection goes on where it broke, and its sha256 is compared at the end. With a
        folder to `remember` in, so does the same file sent again by another process. What can't be told the size of (a pipe) is
        sent in one request. `progress` is True for a bar on standard error, or a function that is called with the bytes sent
        and their number, if that is known; the task's `wait` goes on with it.
        """
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(source, "rb")) if isinstance(source, str | Path) else source
            called = name or Path(str(getattr(file, "name", "data.csv"))).name
            size = size_of(file)
            told = stack.enter_context(telling(progress, called))
            if size is None or size < RESUMABLE_FROM:
                made = self._upload_at_once(file, size, {"dataset": dataset, "name": called}, options or {}, key, told)
            else:
                sender = Sender(self._wire, file, size, told, patience=self._patience)
                made = self._import(sender, called, {"dataset": dataset, **(options or {})}, key, remember)
        return Task(self, made, progress=progress)

    def send(self, path: str | Path, *, progress: Progress = False) -> str:
        """Send a file for a kind of one's own: the id of the upload, to be given as its parameter. A broken connection goes on
        where it broke."""
        with open(path, "rb") as file, telling(progress, Path(path).name) as told:
            size = size_of(file)
            assert size is not None
            return Sender(self._wire, file, size, told, patience=self._patience).send(Path(path).name)["upload_id"]

    def _upload_at_once(
        self,
        file: IO[bytes],
        size: int | None,
        query: dict[str, str],
        options: ImportOptions,
        key: str | None,
        told: Told,
    ) -> TaskJson:
        for option, value in options.items():
            query[option] = value if isinstance(value, str) else json.dumps(value)
        headers = {"Content-Type": "text/csv", **({} if size is None else {"Content-Length": str(size)})}
        gone = 0

        def sent(count: int) -> None:
            nonlocal gone
            told(gone := gone + count, size)

        path = f"/tasks/upload?{urlencode(query)}"
        with self._wire.ask("POST", path, blocks_of(file, sent), headers, key=key) as answer:
            return cast(TaskJson, json.load(answer))

    def _import(
        self, sender: Sender, name: str, params: dict[str, JsonValue], key: str | None, remember: Path | None
    ) -> TaskJson:
        """Send the file, then start its import: asked with a key, so that it may be asked again when no answer came."""
        upload = sender.send(name, Memory(remember) if remember else None)
        key = key or str(uuid4())
        for left in reversed(range(SUBMIT_TRIES)):
            try:
                made = self.submit("import", {**params, "upload": upload["upload_id"]}, key=key)
            except ServerNotReachable:
                if not left:
                    raise
                time.sleep(0.5 * 2 ** (SUBMIT_TRIES - 1 - left))
            except WaystationError:
                sender.give_up(upload)
                raise
            else:
                break
        if made["params"].get("upload") != upload["upload_id"]:  # an earlier request with this key made the task
            sender.give_up(upload)
        return made.json

    def download(
        self,
        *,
        dataset: str = "data",
        from_: str | None = None,
        till: str | None = None,
        by: str | None = None,
        options: ExportOptions | None = None,
        key: str | None = None,
    ) -> Task:
        """Start an export of the days `from_` … `till`, both included (YYYY-MM-DD); `save_result` fetches its file."""
        asked = {"dataset": dataset, "from": from_, "till": till, "by": by, **(options or {})}
        body = {k: v for k, v in asked.items() if v is not None}
        return Task(self, self._wire.json("POST", "/tasks/download", body, key=key))

    def estimate(
        self,
        *,
        dataset: str = "data",
        from_: str | None = None,
        till: str | None = None,
        by: str | None = None,
        filter: str | None = None,
    ) -> dict[str, JsonValue]:
        """How many rows such a download would have: about `rows`, surely from `low` to `high`; nothing is started."""
        asked = {"from": from_, "till": till, "by": by, "filter": filter}
        query = {k: v for k, v in asked.items() if v is not None}
        path = f"/datasets/{quote(dataset, safe='')}/estimate{'?' if query else ''}{urlencode(query)}"
        return cast(dict[str, JsonValue], self._wire.json("GET", path))

    # -- look ----------------------------------------------------------------------------------------------------------
    def task(self, task_id: str, *, wait: float | None = None, version: int | None = None) -> Task:
        """One task. With `wait`, the answer comes when it changes (from `version`, if given), at the latest after `wait` s."""
        query = {k: str(v) for k, v in (("wait", wait), ("version", version)) if v is not None}
        return Task(self, self._wire.json("GET", f"/tasks/{quote(task_id)}{'?' if query else ''}{urlencode(query)}"))

    def page(self, which: Filter | None = None, *, limit: int = 50, cursor: str | None = None) -> tuple[list[Task], str | None]:
        """One page of tasks, newest first, and the address of the page after it (None: this is the last)."""
        query = {**(which or {}), "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        found = self._wire.json("GET", f"/tasks/?{urlencode(query)}")
        return [Task(self, one) for one in found["tasks"]], found["next"]

    def tasks(self, which: Filter | None = None, *, limit: int | None = None) -> Iterator[Task]:
        """The tasks that fit, newest first, page by page as they are read; `limit` at most."""
        query = {**(which or {}), "limit": str(min(limit or 200, 200))}
        left, following = limit, f"/tasks/?{urlencode(query)}"
        while following and (left is None or left > 0):
            found = self._wire.json("GET", following)
            yield from (Task(self, one) for one in found["tasks"][:left])
            left, following = None if left is None else left - len(found["tasks"]), found["next"]

    def wait(
        self,
        task_id: str,
        *,
        until: Iterable[str] = (),
        timeout: float | None = None,
        seen: Callable[[Task], None] = lambda task: None,
    ) -> Task:
        """The task once its status is one of `until`, or is final; TimeoutError after `timeout` seconds (None: never).

        `seen` is called with each change on the way.
        """
        wanted = frozenset(until)
        end = None if timeout is None else time.monotonic() + timeout
        task = self.task(task_id)
        seen(task)
        while task.status not in wanted and not (task.complete or task.status in _FINAL):
            left = LONG_POLL if end is None else min(LONG_POLL, end - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"Task {task_id} is still {task.status} after {timeout:g} s.")
            task = self.task(task_id, wait=round(left, 3), version=task["version"])
            seen(task)
        return task

    def events(self, task_id: str) -> Iterator[EventJson]:
        """The task's timeline, oldest first, page by page as it is read."""
        after = 0
        while True:
            path = f"/tasks/{quote(task_id)}/events?limit={PAGE}&after={after}"
            page = cast(list[EventJson], self._wire.json("GET", path)["events"])
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1]["id"]

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

    def schedules(self) -> list[dict[str, JsonValue]]:
        """What is started again and again."""
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", "/schedules")["schedules"])

    def schedule(
        self, name: str, kind: str, params: Mapping[str, JsonValue] | None = None, *, cron: str, **more: JsonValue
    ) -> dict[str, JsonValue]:
        """Make or change a schedule: a task of the kind at the times that `cron` names. `more`: zone, missed, overlap, held and
        priority, as the reference has them. Raises InvalidSchedule, InvalidParams and KindNotFound."""
        body = {"kind": kind, "params": dict(params or {}), "cron": cron, **more}
        return cast(dict[str, JsonValue], self._wire.json("PUT", f"/schedules/{quote(name, safe='')}", body))

    def unschedule(self, name: str) -> None:
        """Drop a schedule; tasks that it has started go on. Raises ScheduleNotFound."""
        with self._wire.ask("DELETE", f"/schedules/{quote(name, safe='')}"):
            return

    def webhooks(self) -> list[dict[str, JsonValue]]:
        """Who is told when tasks end."""
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", "/webhooks")["webhooks"])

    def webhook(self, name: str, url: str, **more: JsonValue) -> dict[str, JsonValue]:
        """Make or change a webhook; the secret of a new one is in the answer this once. `more`: kind, states, secret and held,
        as the reference has them. Raises UnsafeAddress."""
        body = {"url": url, **more}
        return cast(dict[str, JsonValue], self._wire.json("PUT", f"/webhooks/{quote(name, safe='')}", body))

    def unhook(self, name: str) -> None:
        """Drop a webhook. Raises WebhookNotFound."""
        with self._wire.ask("DELETE", f"/webhooks/{quote(name, safe='')}"):
            return

    def deliveries(self, webhook: str) -> list[dict[str, JsonValue]]:
        """What a webhook was told, newest first."""
        path = f"/webhooks/{quote(webhook, safe='')}/deliveries"
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", path)["deliveries"])

    def audit(self, which: Mapping[str, str] | None = None, *, limit: int = 100) -> list[dict[str, JsonValue]]:
        """The newest lines of the audit. `which`: actor, act, task, dataset, since and till, as the reference has them."""
        asked = urlencode({**(which or {}), "limit": limit})
        return cast(list[dict[str, JsonValue]], self._wire.json("GET", f"/audit?{asked}")["entries"])

    def export_audit(self, which: Mapping[str, str] | None = None, *, form: str = "csv") -> Iterator[bytes]:
        """All lines of the audit that fit, oldest first, as `csv` or `jsonl`, in blocks of bytes."""
        return self._wire.stream(f"/audit?{urlencode({**(which or {}), 'format': form})}")

    def ready(self) -> dict[str, JsonValue]:
        """What /readyz says; `Unavailable` (with its parts in `extra`) while a part is missing."""
        return cast(dict[str, JsonValue], self._wire.json("GET", "/readyz"))

    def metrics(self) -> str:
        """The page of metrics, in Prometheus' text format."""
        return b"".join(self._wire.stream("/metrics")).decode()

    def link(self, task_id: str, *, to: str = "result", seconds: float = 3600) -> LinkJson:
        """An address that opens a task's `result` or `rejects` for whoever has it, until it ends. Raises NoResult."""
        made = self._wire.json("POST", f"/tasks/{quote(task_id)}/link", {"to": to, "seconds": seconds})
        return {"url": f"{self.url}{made['url']}", "expires_at": made["expires_at"]}

    def forget(self, task_id: str, *, reason: str | None = None) -> Task:
        """Remove what a task that has ended keeps of people: upload, result, rejects, file name. Raises TaskUnfinished."""
        body = {"reason": reason} if reason else {}
        return Task(self, self._wire.json("DELETE", f"/tasks/{quote(task_id)}/data", body))

    # -- the verbs -----------------------------------------------------------------------------------------------------
    def act(
        self, verb: Verb | str, task_id: str, *, reason: str | None = None, params: Mapping[str, JsonValue] | None = None
    ) -> Task:
        """Ask something of a task; `params` changes what a kind allows to be changed, at a retry only.

        Raises VerbNotPossible, whose `extra` names the status and what is possible now.
        """
        body = {k: v for k, v in (("reason", reason), ("params", params)) if v is not None}
        return Task(self, self._wire.json("POST", f"/tasks/{quote(task_id)}/{verb}", body))

    def consequence(self, verb: Verb | str, task_id: str) -> ConsequenceJson:
        """What a verb would do to a task now, in sentences; nothing is done."""
        return cast(ConsequenceJson, self._wire.json("GET", f"/tasks/{quote(task_id)}/{verb}/ask"))

    def pause(self, task_id: str, *, reason: str | None = None) -> Task:
        """Let it stand still at its next step; it then holds no worker."""
        return self.act(Verb.PAUSE, task_id, reason=reason)

    def resume(self, task_id: str, *, reason: str | None = None) -> Task:
        """Let a paused task go on from the same place."""
        return self.act(Verb.RESUME, task_id, reason=reason)

    def stop(self, task_id: str, *, reason: str | None = None) -> Task:
        """End it and take back what it did."""
        return self.act(Verb.STOP, task_id, reason=reason)

    def terminate(self, task_id: str, *, reason: str | None = None) -> Task:
        """Kill it now; what Waystation staged is dropped."""
        return self.act(Verb.TERMINATE, task_id, reason=reason)

    def retry(self, task_id: str, *, reason: str | None = None, params: Mapping[str, JsonValue] | None = None) -> Task:
        """Let a failed task go on from its checkpoint."""
        return self.act(Verb.RETRY, task_id, reason=reason, params=params)

    def undo(self, task_id: str, *, reason: str | None = None) -> Task:
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

    def rejected_rows(self, task_id: str) -> Iterator[RejectJson]:
        """The rejected rows in the order of the file, each with what is wrong, page by page as they are read."""
        after = 0
        while True:
            path = f"/tasks/{quote(task_id)}/rejects?format=json&limit={PAGE}&after={after}"
            page = cast(list[RejectJson], self._wire.json("GET", path)["rejects"])
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1]["record"]
