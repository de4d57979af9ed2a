"""How fast the verbs are: pause, stop, undo, terminate, rescue, submit; what control costs; lists and live streams under load.

    python benchmarks/control.py [--rows 5000000] [--quick]

Everything runs in processes of its own on private servers in a temporary home. Prints one table: samples, median, p99, worst,
and what the design holds. These are waiting times of one machine, not speeds: they have absolute limits.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from rich.console import Console
from rich.table import Table
from tests.conftest import launch_worker
from tests.kinds import TABLE, count

from waystation.control import base36
from waystation.csvio import people
from waystation.model import State, Task, Verb
from waystation.settings import Settings
from waystation.states import FINAL
from waystation.wiring import House, open_house


@dataclass
class Figure:
    """One row of the table: seconds (or another number), and the limit that the median and the p99 must hold."""

    name: str
    unit: str = "s"
    median_limit: float | None = None
    p99_limit: float | None = None
    samples: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The sample below which this share of all lies."""
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def held(self) -> bool:
        """Within the limits."""
        return bool(self.samples) and not (
            (self.median_limit is not None and self.at(0.5) > self.median_limit)
            or (self.p99_limit is not None and self.at(0.99) > self.p99_limit)
        )


def until(fact: Callable[[], bool], timeout: float = 300, every: float = 0.002) -> float:
    """Wait for a fact; the moment at which it was seen."""
    end = time.monotonic() + timeout
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError("the fact did not come true")
        time.sleep(every)
    return time.monotonic()


class Bench:
    """The measurements, on one house."""

    def __init__(self, house: House, rows: int, quick: bool) -> None:
        self.house, self.rows, self.quick = house, rows, quick
        self.figures: list[Figure] = []

    def figure(self, name: str, **limits: object) -> Figure:
        """A new row."""
        self.figures.append(Figure(name, **limits))  # type: ignore[arg-type]
        return self.figures[-1]

    def tell(self, part: Callable[[], None]) -> None:
        """Carry out one part, and say at once what it showed: the whole takes minutes."""
        known = len(self.figures)
        part()
        for f in self.figures[known:]:
            print(f"{f.name}: median {f.at(0.5):.4f} {f.unit}, p99 {f.at(0.99):.4f} {f.unit}", file=sys.stderr, flush=True)

    def send(self, rows: int, dataset: str) -> Task:
        """Start an import of generated rows."""
        with self.house.control.receive("data.csv", actor="bench") as writer:
            writer.write(people.HEADER)
            for block in people.blocks(rows):
                writer.write(block)
            upload = writer.commit()
        params = {"upload": str(upload.id), "dataset": dataset}
        return self.house.control.submit("import", params, actor="bench")[0]

    def now(self, task: Task) -> Task:
        """The task as it is."""
        return self.house.control.get(task.id)

    def act(self, verb: Verb, task: Task) -> None:
        """Ask a verb."""
        self.house.control.act(verb, task.id, actor="bench")

    # -- what is measured
    def submits(self) -> None:
        """submit → the first step is saved."""
        figure = self.figure("submit → first step saved", median_limit=0.05)
        for _ in range(20 if self.quick else 60):
            began = time.monotonic()
            task, _ = self.house.control.submit("test.count", {"steps": 1, "nap": 0.0}, actor="bench")
            figure.samples.append(until(lambda t=task: self.now(t).done > 0) - began)  # type: ignore[misc]
            until(lambda t=task: self.now(t).state in FINAL)  # type: ignore[misc]

    def pauses(self) -> None:
        """pause asked → slot free, while a large file is imported; and what control costs."""
        figure = self.figure(f"pause asked → slot free, import of {self.rows:,} rows", median_limit=0.25, p99_limit=1.0)
        task = self.send(self.rows, "paused")
        until(lambda: self.now(task).done > 0)
        wanted = 10 if self.quick else 100
        while len(figure.samples) < wanted:
            time.sleep(random.uniform(0.02, 0.25))
            if self.now(task).state is not State.RUNNING:
                if self.now(task).state in FINAL:
                    break
                continue
            began = time.monotonic()
            self.act(Verb.PAUSE, task)
            figure.samples.append(until(lambda: self.now(task).lease_until is None) - began)
            if self.now(task).state in FINAL:
                break
            self.act(Verb.RESUME, task)
            until(lambda: self.now(task).state in (State.RUNNING, *FINAL))
        until(lambda: self.now(task).state in FINAL, timeout=1800)

    def costs(self) -> None:
        """Time in checkpoint, lease and wish statements ÷ wall time, of an import that nobody disturbs."""
        figure = self.figure("control statements ÷ wall time of an import", unit="%", median_limit=3.0)
        for _ in range(1 if self.quick else 3):
            task = self.send(self.rows // 5, "cost")
            until(lambda t=task: self.now(t).state in FINAL, timeout=900)  # type: ignore[misc]
            data = next(e.data for e in self.house.control.events(task.id) if e.event == "succeeded")
            figure.samples.append(100 * data["control_seconds"] / data["seconds"])
            self.act(Verb.UNDO, task)

    def stops_and_undos(self) -> None:
        """stop or undo asked → the commit that removes the rows."""
        for rows in (100_000, self.rows):
            stop = self.figure(f"stop asked → rows gone, {rows:,} rows staged", p99_limit=1.0)
            undo = self.figure(f"undo asked → rows gone, {rows:,} rows published", p99_limit=1.0)
            for _ in range(1 if self.quick or rows > 100_000 else 5):
                task = self.send(rows, f"gone{rows}")
                until(lambda t=task: self.now(t).done > 0.9 * (self.now(t).total or 0), timeout=1800)  # type: ignore[misc]
                began = time.monotonic()
                self.act(Verb.STOP, task)
                stop.samples.append(until(lambda t=task: self.now(t).state in FINAL) - began)  # type: ignore[misc]
                task = self.send(rows, f"gone{rows}")
                until(lambda t=task: self.now(t).state in FINAL, timeout=1800)  # type: ignore[misc]
                began = time.monotonic()
                self.act(Verb.UNDO, task)
                undo.samples.append(until(lambda t=task: self.now(t).state in FINAL) - began)  # type: ignore[misc]

    def _connections(self, task: Task) -> int:
        """Connections of the task's attempts."""
        with self.house.database.transaction() as connection:
            return connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s", (f"ws:{task.id}:%",)
            ).rowcount

    def _children(self) -> list[psutil.Process]:
        found = []
        for process in psutil.Process().children(recursive=True):
            try:
                parent = process.parent()
                if parent and "waystation.engine.main" in parent.cmdline() and "tracker" not in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def terminates(self) -> None:
        """terminate asked → the process is gone; and killed → the task runs again."""
        gone = self.figure("terminate asked → process gone, a task that hangs", p99_limit=1.0)
        quiet = self.figure("terminate asked → nobody works on it, an import", p99_limit=1.0)
        again = self.figure("worker child killed → task runs again", p99_limit=15.0)
        for _ in range(3 if self.quick else 10):
            task = self.house.control.submit("test.count", {"steps": 9, "hang_at": 2}, actor="bench")[0]
            until(lambda t=task: self.now(t).done > 0)  # type: ignore[misc]
            children = self._children()  # the one that works on it is among them, and no other will end
            began = time.monotonic()
            self.act(Verb.TERMINATE, task)
            gone.samples.append(until(lambda c=children: any(map(_ended, c)), timeout=30) - began)  # type: ignore[misc]
            until(lambda t=task: self.now(t).state in FINAL)  # type: ignore[misc]
        for _ in range(3 if self.quick else 10):
            task = self.send(1_000_000, "killed")
            until(lambda t=task: self.now(t).done > 0)  # type: ignore[misc]
            began = time.monotonic()
            self.act(Verb.TERMINATE, task)
            quiet.samples.append(until(lambda t=task: not self._connections(t)) - began)  # type: ignore[misc]
            until(lambda t=task: self.now(t).state in FINAL)  # type: ignore[misc]
        for _ in range(3 if self.quick else 5):
            task = self.house.control.submit("test.count", {"steps": 2000, "nap": 0.02}, actor="bench")[0]
            until(lambda t=task: self.now(t).done > 0)  # type: ignore[misc]
            began = time.monotonic()
            for child in self._children():  # the one that works on it is among them
                child.kill()
            again.samples.append(until(lambda t=task: self.now(t).attempt == 2) - began)  # type: ignore[misc]
            self.act(Verb.STOP, task)
            until(lambda t=task: self.now(t).state in FINAL)  # type: ignore[misc]

    def lists(self, url: str) -> None:
        """GET /tasks/ with a million tasks in the table, on the first page and on the last."""
        number = 100_000 if self.quick else 1_000_000
        with self.house.database.transaction() as connection:
            connection.execute(
                "INSERT INTO tasks (id, kind, params, state, created_by, ended_at, dataset)"
                " SELECT gen_random_uuid(), (ARRAY['import', 'export', 'generate'])[1 + n %% 3], '{}', 'succeeded',"
                " 'p' || n %% 50, now(), 'd' || n %% 20 FROM generate_series(1, %s::int) n",
                (number,),
            )
        with self.house.database.connect("bench", autocommit=True) as connection:
            connection.execute("ANALYZE tasks")
            low = connection.execute("SELECT min(seq) + 60 AS seq FROM tasks").fetchone()
        assert low is not None
        pages = {
            "first page": "/tasks/?limit=50",
            "last page": f"/tasks/?limit=50&cursor={base36(low['seq'])}",
            "last page of a kind": f"/tasks/?limit=50&kind=import&cursor={base36(low['seq'] + 100)}",
        }
        for name, path in pages.items():
            figure = self.figure(f"GET /tasks/, {number:,} tasks, {name}", p99_limit=0.05)
            connection_ = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
            for _ in range(50 if self.quick else 200):
                began = time.monotonic()
                connection_.request("GET", path)
                answer = connection_.getresponse()
                answer.read()
                assert answer.status == 200
                figure.samples.append(time.monotonic() - began)
            connection_.close()

    def streams(self, url: str) -> None:
        """100 live streams while two imports run: how late a change is, and how long a list takes meanwhile."""
        late = self.figure("checkpoint → 100 live streams", p99_limit=2.0)
        meanwhile = self.figure("GET /tasks/ meanwhile", p99_limit=0.1)
        over = threading.Event()
        heard: list[float] = []
        threads = [threading.Thread(target=_listen, args=(url, heard, over), daemon=True) for _ in range(100)]
        for thread in threads:
            thread.start()
        tasks = [self.send(self.rows // 10, f"live{n}") for n in range(2)]
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        while any(self.now(t).state not in FINAL for t in tasks):
            began = time.monotonic()
            connection.request("GET", "/tasks/?limit=50")
            connection.getresponse().read()
            meanwhile.samples.append(time.monotonic() - began)
            time.sleep(0.05)
        over.set()
        late.samples = heard or [float("inf")]


def _ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _listen(url: str, heard: list[float], over: threading.Event) -> None:
    """One live stream: for each task in a message, how long ago it changed."""
    import json
    from datetime import UTC, datetime

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", "/events", headers={"Accept": "text/event-stream"})
    answer = connection.getresponse()
    if answer.status != 200:
        heard.append(float("inf"))
        return
    first = True
    while not over.is_set():
        line = answer.readline()
        if line.startswith(b"data:"):
            tasks = json.loads(line[5:])
            if not first:
                now = datetime.now(UTC)
                heard.extend(
                    (now - datetime.fromisoformat(t["updated_at"])).total_seconds() for t in tasks if t["state"] == "running"
                )
            first = False


@contextmanager
def web(settings: Settings) -> Iterator[str]:
    """A web process; its address."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    named = settings.model_copy(update={"port": port, "sse_clients": 110, "threads": 128})
    process = subprocess.Popen(
        [sys.executable, "-m", "waystation", "web"], env={**os.environ, **named.environ()}, stdin=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:

        def up() -> bool:
            try:
                connection = http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=2)
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
            except OSError:
                return False

        until(up, timeout=30, every=0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def main() -> None:
    """Measure, print, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--quick", action="store_true", help="fewer samples, smaller tables")
    parser.add_argument("--only", action="append", default=[], help="a part by its name in the code, such as pauses")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="ws-bench-"))
    settings = Settings.from_env({}, home=home, log="error", kinds=("tests.kinds",), slots=2)
    try:
        with open_house(settings) as house:
            house.settings = settings.model_copy(update={"database_url": house.database_url, "redis_url": house.redis_url})
            with house.database.transaction() as connection:
                connection.execute(TABLE)
            house.registry.add(count) if house.registry.find("test.count") is None else None
            worker = launch_worker(house)
            bench = Bench(house, asked.rows, asked.quick)
            try:
                parts = (bench.submits, bench.pauses, bench.costs, bench.stops_and_undos, bench.terminates)
                for part in parts:
                    if not asked.only or part.__name__ in asked.only:
                        bench.tell(part)
                for served in (bench.streams, bench.lists):
                    if not asked.only or served.__name__ in asked.only:
                        with web(house.settings) as url:
                            bench.tell(partial(served, url))
            finally:
                worker.send_signal(signal.SIGTERM)
                worker.wait(timeout=60)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    sys.exit(show(bench.figures))


def show(figures: list[Figure]) -> int:
    """The table; 0 if every limit held."""
    table = Table(title="Control, measured")
    for column in ("what", "samples", "median", "p99", "worst", "limit", "held"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for f in figures:
        limits = [
            f"{word} {value * 1000:.0f} ms" if f.unit == "s" else f"{word} {value:g} %"
            for word, value in (("median", f.median_limit), ("p99", f.p99_limit))
            if value is not None
        ]
        shown = [f"{v * 1000:.1f} ms" if f.unit == "s" else f"{v:.2f} %" for v in (f.at(0.5), f.at(0.99), max(f.samples))]
        table.add_row(f.name, str(len(f.samples)), *shown, ", ".join(limits), "yes" if f.held else "NO")
    Console(width=150).print(table)
    return 0 if all(f.held for f in figures) else 1


if __name__ == "__main__":
    main()
