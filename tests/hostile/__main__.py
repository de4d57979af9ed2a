"""Send every hostile input to a running house while honest imports go on, and write what happened into docs/hostile-input.md.

    python -m tests.hostile [--only NAME …] [--small]

Each is sent alone, in its full size. Meanwhile imports run one after the other, and somebody looks at the list of tasks.
Measured are the most memory that the web process and the worker's processes had while it was there (Linux only), how long it
took, and the longest that a look at the list waited. At the end every honest import is compared with its file, row by row. It
ends with 1 if one differs, or if something came that must not come. --small writes nothing; --only prints the page's lines.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from tests.conftest import end_worker, launch_worker
from tests.hostile import CASES
from tests.hostile.page import PAGE, line, page
from tests.hostile.stage import Stage
from tests.support import at_state, parsed, people_csv, send, table_rows
from tests.web.serving import Served, rss
from waystation.model import State, Task
from waystation.settings import Settings
from waystation.wiring import House, open_house

ROWS = 30_000  # of an honest import
GIVEN = {"slots": 4, "log": "error", "port": 0, "upload_rate": 2**16}  # else one input takes five minutes


@dataclass(frozen=True)
class Row:
    """What was measured while one input was there."""

    came: dict[str, int]
    web: float
    worker: float
    seconds: float
    waited: float


class Neighbours(threading.Thread):
    """Those who go on with their work: an import after the other, and looks at the list."""

    def __init__(self, house: House, port: int) -> None:
        super().__init__(daemon=True)
        self.house, self.port = house, port
        self.over = threading.Event()
        self.sent: list[tuple[Task, bytes]] = []
        self.worst = 0.0
        self._looker = threading.Thread(target=self._look, daemon=True)

    def run(self) -> None:
        """Until it is over."""
        self._looker.start()
        for number in itertools.count():
            if self.over.is_set():
                return
            data = people_csv(ROWS, seed=number % 5)
            task = send(self.house, data, dataset=f"honest_{number}")
            self.sent.append((task, data))
            at_state(self.house, task, State.SUCCEEDED, timeout=600)

    def _look(self) -> None:
        while not self.over.wait(0.1):
            began = time.monotonic()
            with suppress(OSError, http.client.HTTPException):
                asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
                asked.request("GET", "/tasks/?limit=20")
                assert asked.getresponse().read()
                asked.close()
            self.worst = max(self.worst, time.monotonic() - began)

    def end(self) -> tuple[int, int]:
        """Stop, and compare: how many imports there were, and how many of them differ from their files."""
        self.over.set()
        self.join(600)
        assert not self.is_alive(), "an honest import has not ended"
        wrong = sum(table_rows(self.house, f"honest_{n}") != parsed(data) for n, (_, data) in enumerate(self.sent))
        return len(self.sent), wrong


class Watch:
    """The memory of the processes below some others, from when it is asked to begin."""

    def __init__(self, root: int) -> None:
        self._root = psutil.Process(root)

    def begin(self) -> None:
        """Forget what was."""
        for process in self._root.children(recursive=True):
            with suppress(OSError):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")

    def peak(self) -> float:
        """The most megabytes that one of them has had since."""
        found = [0]
        for process in self._root.children(recursive=True):
            with suppress(OSError, StopIteration):
                found.append(rss(process))
        return max(found) / 1000


def measure(house: House, served: Served, worker: int, *, whole: bool, only: list[str]) -> tuple[dict[str, Row], int, int]:
    """Send each; what was measured by its name, how many honest imports there were, and how many of them were spoilt."""
    rows: dict[str, Row] = {}
    neighbours = Neighbours(house, served.port)
    neighbours.start()
    web, workers = Watch(served.process.pid), Watch(worker)
    for case in CASES:
        if only and case.name not in only:
            continue
        neighbours.worst = 0.0
        web.begin()
        workers.begin()
        began = time.monotonic()
        try:
            came = case.run(Stage(house, served.port, whole=whole))
        except AssertionError as error:  # the others are sent all the same
            print(f"{case.name}: WRONG after {time.monotonic() - began:.1f} s: {error}", flush=True)
            continue
        took = time.monotonic() - began
        rows[case.name] = Row(came, web.peak(), workers.peak(), took, neighbours.worst)
        said = ", ".join(f"{count} x {outcome}" for outcome, count in came.items())
        row = rows[case.name]
        print(f"{case.name}: {took:.1f} s, web {row.web:.0f} MB, worker {row.worker:.0f} MB, others {row.waited:.2f} s; {said}")
        sys.stdout.flush()
    return rows, *neighbours.end()


def main() -> int:
    """Run all, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="ws-hostile-"))
    given = {**GIVEN, "max_record": 2**20, "request_seconds": 3.0, "upload_rate": 2**20} if asked.small else GIVEN
    try:
        with open_house(Settings.from_env({}, home=home, **given)) as house:
            worker = launch_worker(house)
            urls = {"database_url": house.database_url, "redis_url": house.redis_url}
            served = Served(house.settings.model_copy(update=urls))
            try:
                rows, imports, wrong = measure(house, served, worker.pid, whole=not asked.small, only=asked.only)
                answers = served.ask("GET", "/healthz")[0] == 200
            finally:
                served.end()
                end_worker(worker)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{len(rows)} inputs; {imports} honest imports of {ROWS:,} rows meanwhile, {wrong} of them differ from their files")
    fine = answers and not wrong and len(rows) == len(asked.only or CASES)
    if asked.only:
        print("\n".join(line(case, rows[case.name]) for case in CASES if case.name in rows))
    elif fine and not asked.small:
        PAGE.write_text(page(rows, imports, ROWS, date.today()), encoding="utf-8")
        print(f"written: {PAGE.name}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
