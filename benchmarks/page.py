"""The page under load: 200 running tasks on the list, 50 open pages, and 10,000 tasks in a browser.

    python -m benchmarks.page [--seconds 20]

A script plays the worker: it writes progress into 200 running rows, each once a second. 50 listeners hold the streams of open
pages. Prints how long GET /tasks/ and the page take meanwhile, and how late a checkpoint is on a page; then, with 10,000 tasks,
what Chromium loads and when it shows the first row (left out where there is no Chromium). What is measured is one machine's
waiting time: it has absolute limits, and the exit code tells whether they were held.
"""

from __future__ import annotations

import argparse
import http.client
import re
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from tests.web.browser.chromium import Visitor, executable, launched
from tests.web.serving import Served

from benchmarks.control import Figure
from waystation.settings import Settings
from waystation.wiring import House, open_house

RUNNING, PAGES, ENDED = 200, 50, 10_000
MOST = 150_000  # bytes of the first visit to the list
HTML = {"Accept": "text/html,application/xhtml+xml"}
BEGIN = """INSERT INTO tasks
(id, kind, params, state, created_by, attempt, lease_until, running_since, started_at, total, unit, label)
SELECT gen_random_uuid(), 'import', '{}', 'running', 'p' || n %% 50,
       1, now() + interval '1 hour', now(), now(), 1000000, 'rows', 'file-' || n || '.csv'
FROM generate_series(1, %s::int) n"""
END = """INSERT INTO tasks (id, kind, params, state, created_by, ended_at, dataset)
SELECT gen_random_uuid(), 'import', '{}', 'succeeded', 'p' || n %% 50, now(), 'd' || n %% 20
FROM generate_series(1, %s::int) n"""
# One checkpoint for each of a quarter of the tasks; `done` tells which tick it was.
TICK = """UPDATE tasks SET done = %(tick)s::bigint, rate = 1000, updated_at = clock_timestamp(), version = version + 1
WHERE state = 'running' AND seq %% 4 = %(part)s::int"""


class Worker(threading.Thread):
    """Writes the checkpoints of all running tasks, each task's once a second; remembers when each was committed."""

    def __init__(self, house: House, first: int) -> None:
        super().__init__(daemon=True)
        self.house, self.first, self.over = house, first, threading.Event()
        self.committed: dict[int, float] = {}

    def run(self) -> None:
        """Until it is over."""
        tick = self.first
        while not self.over.wait(0.25):
            tick += 1
            with self.house.database.transaction() as connection:
                connection.execute(TICK, {"tick": tick, "part": tick % 4})
            self.committed[tick] = time.monotonic()


class Page(threading.Thread):
    """One open page: it listens to the page's stream and notes when each tick was heard of the task that `place` shows."""

    def __init__(self, port: int, path: str, place: str, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.heard: dict[int, float] = {}
        self._port, self._path, self._over = port, path, over
        self._row = re.compile(rf'id="{place}".*?([\d,]+) rows', re.DOTALL)

    def run(self) -> None:
        """Until it is over; a stream that ends is opened again."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection.request("GET", self._path)
        stream, text = connection.getresponse(), []
        while not self._over.is_set():
            line = stream.readline().decode()
            if line.strip():
                text.append(line)
                continue
            if found := self._row.search("".join(text)):
                self.heard.setdefault(int(found[1].replace(",", "")), time.monotonic())
            text = []
        connection.close()


def ask(port: int, path: str, headers: dict[str, str], figure: Figure, seconds: float) -> None:
    """The same request, one after another."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        figure.samples.append(time.monotonic() - began)
        time.sleep(0.02)
    connection.close()


def load(house: House, served: Served, seconds: float) -> list[Figure]:
    """200 running tasks; 50 open pages of the list, then 50 of one of the tasks."""
    with house.database.transaction() as connection:
        connection.execute(BEGIN, (RUNNING,))
        rows = connection.execute("SELECT id, seq FROM tasks ORDER BY seq DESC LIMIT 50").fetchall()
    one = rows[0]["id"]
    api = Figure("GET /tasks/ (JSON)", p99_limit=0.1)
    page = Figure("GET / (the page, 50 rows)")
    figures = [api, page]
    for what, path, place in (
        ("the list", f"/live?low={rows[-1]['seq']}", f"row-{one}"),
        ("the page of one task", f"/live/{one}", "head"),
    ):
        late, spent = Figure(f"checkpoint → {what}", p99_limit=2.0), psutil.Process(served.process.pid)
        worker = Worker(house, first=1000 * len(figures))
        pages = [Page(served.port, path, place, worker.over) for _ in range(PAGES)]
        for listener in pages:
            listener.start()
        worker.start()
        time.sleep(3)  # every stream is open, and has had its first message
        before, began = cpu(spent), time.monotonic()
        if late.name.endswith("list"):
            ask(served.port, "/tasks/?limit=50", {}, api, seconds / 2)
            ask(served.port, "/", HTML, page, seconds / 2)
        else:
            time.sleep(seconds / 2)
        share = (cpu(spent) - before) / (time.monotonic() - began)
        worker.over.set()
        worker.join()
        for listener in pages:
            listener.join(5)
        # A message tells the newest checkpoint of a row: those before it were never due.
        late.samples = [
            heard - worker.committed[n] for listener in pages for n, heard in listener.heard.items() if n > worker.first + 12
        ]
        assert all(listener.heard for listener in pages), "a page has heard nothing"
        figures.append(late)
        print(f"{PAGES} open pages, {what}: the web server works {share:.0%} of one core.")
    return figures


def cpu(process: psutil.Process) -> float:
    """Seconds that a process and its children have worked."""
    family = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def browse(house: House, port: int, chromium: str) -> tuple[int, int, list[float]]:
    """First visits to the list with 10,000 tasks: bytes over the wire, requests, and seconds to the first row of each visit."""
    with house.database.transaction() as connection:
        connection.execute("DELETE FROM tasks")
        connection.execute(END, (ENDED,))
    with house.database.connect("bench", autocommit=True) as connection:
        connection.execute("ANALYZE tasks")
    weighed = (
        "() => { const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];"
        " return [all.reduce((sum, one) => sum + one.transferSize, 0), all.length,"
        " performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()]; }"
    )
    times, size, number = [], 0, 0
    with launched(chromium) as browser:
        for _ in range(5):
            page = Visitor(browser, f"http://127.0.0.1:{port}").page  # each with an empty cache
            page.goto("/")
            page.locator(".row").first.wait_for()
            page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
            size, number, first = page.evaluate(weighed)
            times.append(first / 1000)
            page.context.close()
    return size, number, times


def main() -> None:
    """Measure, print, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="ws-bench-"))
    settings = Settings.from_env({}, home=home, port=0, log="error", sse_clients=PAGES + 4, threads=PAGES + 24)
    chromium = executable()
    try:
        with open_house(settings) as house:
            urls = {"database_url": house.database_url, "redis_url": house.redis_url}
            served = Served(settings.model_copy(update=urls))
            try:
                figures = load(house, served, asked.seconds)
                visit = browse(house, served.port, chromium) if chromium else None
            finally:
                served.end()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    table = Table(title=f"The page with {RUNNING} running tasks and {PAGES} open pages")
    for column in ("what", "samples", "median", "p99", "worst", "limit of p99", "held"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for f in figures:
        limit = f"{f.p99_limit * 1000:.0f} ms" if f.p99_limit else ""
        shown = (f"{seconds * 1000:.1f} ms" for seconds in (f.at(0.5), f.at(0.99), max(f.samples)))
        table.add_row(f.name, str(len(f.samples)), *shown, limit, "yes" if f.held else "NO")
    Console(width=120).print(table)
    held = all(f.held for f in figures)
    if visit is None:
        print("No Chromium: the list with 10,000 tasks was not looked at.")
    else:
        size, number, times = visit
        held = held and size <= MOST
        print(
            f"The list with {ENDED:,} tasks, a first visit in Chromium: {size / 1000:.1f} kB (at most {MOST / 1000:.0f})"
            f" in {number} requests; first row after {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms."
        )
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
