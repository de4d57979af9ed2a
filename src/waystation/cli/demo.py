"""`waystation demo`: the main job from end to end, on private servers in a temporary folder, each step checked.

What the API says is checked against the database itself, asked in plain SQL.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from rich.table import Table

from waystation.cli import look
from waystation.cli.session import Session
from waystation.client import Client, Task
from waystation.errors import WaystationError
from waystation.local import lodge

FROM, TILL = "2012-03-01", "2018-06-30"
CHUNK_ROWS = "5000"  # small steps, so that there is a middle to pause in
PAUSE_AT = 25.0  # percent at which the pause is asked; it is met a step or two later, near 30
LIMIT = 300.0  # seconds that one wait may last
STAGED = """
SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', oid::regclass), true, true, '')
    ))[1]::text::bigint), 0)
FROM pg_class WHERE relnamespace = 'parts'::regnamespace AND relkind = 'r' AND NOT relispartition AND relname LIKE 'p%'
"""
MARGIN = 0.003  # seconds between two looks at a task that is to be caught in the middle


class CheckFailed(WaystationError):
    """A check of the demo did not hold."""

    code = "check-failed"
    remedy = "The log above may say why; please report it with your system and `waystation --version`."


class Demo:
    """One run. `run` gives the exit code: 0 if every check held, else 1."""

    def __init__(self, session: Session, rows: int) -> None:
        self._session, self._rows = session, rows
        self._steps: list[dict[str, Any]] = []

    def run(self) -> int:
        """Start everything, play, end everything; the table is printed whatever happens."""
        home = Path(tempfile.mkdtemp(prefix="waystation-demo-"))
        failed: WaystationError | None = None
        began = time.monotonic()
        try:
            with self._servers(home) as (client, sql):
                self._play(client, sql, home)
        except WaystationError as error:
            failed = error
        finally:
            shutil.rmtree(home, ignore_errors=True)
        self._report(time.monotonic() - began, failed)
        return 1 if failed else 0

    # -- the play --------------------------------------------------------------------------------------------------------
    def _play(self, client: Client, sql: Callable[..., int], home: Path) -> None:
        rows, table = self._rows, "SELECT count(*) FROM datasets.people"

        with self._step("generate") as step:
            made = self._ended(client, client.submit("generate", {"rows": rows})["task_id"], "succeeded")
            saved = client.save_result(made["task_id"], home / "people.csv")
            step(made["status"], rows=(made["result"] or {}).get("rows"))
            self._check(f"{rows:,} rows were generated", (made["result"] or {}).get("rows") == rows and saved.size > rows)

        with self._step("import, paused") as step:
            first = client.upload(saved.path, dataset="people")["task_id"]
            paused = self._pause(client, first)
            step(f"{paused['status']} at {paused['progress']['percent'] or 0:.0f} %", rows=paused["counts"].get("good", 0))
            self._check("the pause was met between 20 and 60 %", 20 <= (paused["progress"]["percent"] or 0) <= 60)
            self._check("no reader sees a row of a paused import", sql("SELECT count(to_regclass('datasets.people'))") == 0)

        with self._step("worker slots in use") as step:
            busy = self._busy(client, 0)
            step("free" if busy == 0 else "busy", rows=busy)
            self._check("a paused task holds no worker slot", busy == 0)

        with self._step("import, resumed") as step:
            client.resume(first)
            done = self._ended(client, first, "succeeded")
            there = sql(table)
            step(done["status"], rows=there)
            self._check(f"{rows:,} rows are in the dataset", there == rows == (done["result"] or {}).get("rows"))
            self._check("it went on, and did not start over", done["attempt"] == 2)

        with self._step(f"export {FROM} … {TILL}") as step:
            whole = self._ended(client, client.download(dataset="people", from_=FROM, till=TILL)["task_id"], "succeeded")
            client.save_result(whole["task_id"], home / "whole.csv")
            asked = sql(f"{table} WHERE record_date BETWEEN %s AND %s", FROM, TILL)
            step(whole["status"], rows=(whole["result"] or {}).get("rows"))
            self._check("the export has as many rows as SQL says", (whole["result"] or {}).get("rows") == asked > 0)

        with self._step("the same, paused and resumed") as step:
            again = client.download(dataset="people", from_=FROM, till=TILL)["task_id"]
            self._pause(client, again)
            client.resume(again)
            done = self._ended(client, again, "succeeded")
            client.save_result(again, home / "again.csv")
            step(done["status"], rows=(done["result"] or {}).get("rows"))
            same = (home / "whole.csv").read_bytes() == (home / "again.csv").read_bytes()
            self._check("both exports are equal to the byte", same)

        with self._step("second import, stopped half-way") as step:
            second = client.upload(saved.path, dataset="people", options={"allow_duplicate": True})["task_id"]
            self._until(client, second, 50.0)
            client.stop(second, reason="the demo changed its mind")
            stopped = self._ended(client, second, "stopped")
            left = sql(table) - rows + self._staged(sql)
            step(stopped["status"], rows=left)
            self._check("nothing is left of the stopped import", left == 0)

        with self._step("first import, undone") as step:
            client.undo(first, reason="the columns were swapped")
            undone = self._ended(client, first, "undone")
            left = sql(table) + self._staged(sql)
            step(undone["status"], rows=left)
            self._check("nothing is left of the undone import", left == 0)

    def _pause(self, client: Client, task_id: str) -> Task:
        """Let it come to a quarter, ask for the pause, wait until it is met."""
        self._until(client, task_id, PAUSE_AT)
        client.pause(task_id)
        return self._ended(client, task_id, "paused")

    def _until(self, client: Client, task_id: str, percent: float) -> None:
        """Wait until the task is so far; CheckFailed if it has ended before it could be caught."""
        end = time.monotonic() + LIMIT
        while True:
            task = client.task(task_id)
            if task["complete"] or time.monotonic() > end:
                raise CheckFailed(f"The {task['kind']} was to be caught at {percent:g} %, and is {task['status']}.")
            if (task["progress"]["percent"] or 0) >= percent:
                return
            time.sleep(MARGIN)

    def _ended(self, client: Client, task_id: str, wanted: str) -> Task:
        try:
            task = client.wait(task_id, until=(wanted,), timeout=LIMIT)
        except TimeoutError as error:
            raise CheckFailed(str(error)) from error
        if task["status"] != wanted:
            why = f": {task['error'].get('detail')}" if task["error"] else ""
            raise CheckFailed(f"The {task['kind']} was to be {wanted}, and is {task['status']}{why}")
        return task

    @staticmethod
    def _busy(client: Client, wanted: int) -> int:
        """Slots in use, which a worker may tell a moment late."""
        end = time.monotonic() + 5
        while (busy := int(client.workers()["busy"])) != wanted and time.monotonic() < end:
            time.sleep(0.05)
        return busy

    @staticmethod
    def _staged(sql: Callable[..., int]) -> int:
        """Rows in tables that hold rows of a batch and belong to no dataset; the drop may follow its commit by a moment."""
        end = time.monotonic() + 5
        while (left := sql(STAGED)) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    # -- the frame -------------------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _servers(self, home: Path) -> Iterator[tuple[Client, Callable[..., int]]]:
        """`waystation up` on this home, a client for it, and a way to ask its database."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("WAYSTATION_", "DATABASE_URL", "REDIS_URL"))}
        environ |= {"WAYSTATION_CHUNK_ROWS": CHUNK_ROWS, "WAYSTATION_LOG": "warning"}
        command = [sys.executable, "-m", "waystation", "up", "--json", "--home", str(home), "--port", "0"]
        with self._step("servers, web and worker started") as step:
            process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, start_new_session=True)
            assert process.stdout is not None
            line = process.stdout.readline()
            step("ready" if line else "failed")
        try:
            if not line:
                raise CheckFailed(f"`waystation up` ended with exit code {process.wait()}.")
            client = Client(json.loads(line)["url"], actor="demo")
            with lodge(home, broker=False, watch=False) as lodging:
                assert lodging.servers.database_url is not None
                with psycopg.connect(lodging.servers.database_url, autocommit=True) as db:

                    def sql(query: str, *values: object) -> int:
                        row = db.execute(query.encode(), values or None).fetchone()
                        assert row is not None
                        return int(row[0])

                    yield client, sql
        finally:
            with self._step("everything ended") as step:
                process.terminate()
                try:
                    code = process.wait(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    code = process.wait()
                process.stdout.close()
                step("clean" if code == 0 else f"exit code {code}")
            if code != 0 and sys.exc_info()[0] is None:
                raise CheckFailed(f"`waystation up` did not end cleanly: exit code {code}.")

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[Callable[..., None]]:
        """One line of the table. Calling what it yields says how the step ended and how many rows it was about."""
        line: dict[str, Any] = {"step": name, "status": "failed", "rows": None, "seconds": 0.0}
        began = time.monotonic()

        def tell(status: str, rows: int | None = None) -> None:
            line.update(status=status, rows=rows)

        self._steps.append(line)
        self._session.say(f"[dim]… {name}[/]")
        try:
            yield tell
        finally:
            line["seconds"] = round(time.monotonic() - began, 2)

    @staticmethod
    def _check(what: str, held: bool) -> None:
        if not held:
            raise CheckFailed(f"This did not hold: {what}.")

    def _report(self, seconds: float, failed: WaystationError | None) -> None:
        if self._session.as_json:
            self._session.json(
                {"steps": self._steps, "seconds": round(seconds, 1), "failed": failed.detail if failed else None}
            )
        else:
            self._session.console.print(self._table())
            self._session.say(f"All in {seconds:.1f} s; nothing is left running." if not failed else f"After {seconds:.1f} s:")
        if failed:
            self._session.tell(failed)

    def _table(self) -> Table:
        lines = (
            (s["step"], look.status(s["status"]), "" if s["rows"] is None else f"{s['rows']:,}", f"{s['seconds']:.2f}")
            for s in self._steps
        )
        return look.table(("STEP", "STATUS", "ROWS", "SECONDS"), lines, numbers=("ROWS", "SECONDS"))
