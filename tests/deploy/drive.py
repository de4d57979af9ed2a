"""What the runs on Compose and on Kubernetes share: a Waystation at an address, driven as a person and as a program would."""

from __future__ import annotations

import csv
import itertools
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.support import wait_until
from waystation.cli.people import write_people
from waystation.client import Client, Task
from waystation.errors import ServerNotReachable, Unavailable

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
BEGAN = time.monotonic()


def say(text: str) -> None:
    """A line of the run's story, with the seconds since it began."""
    print(f"{time.monotonic() - BEGAN:7.1f} s  {text}", flush=True)


@contextmanager
def timed(text: str) -> Iterator[None]:
    """Say how long something took."""
    began = time.monotonic()
    yield
    say(f"{text}: {time.monotonic() - began:.1f} s")


def need(program: str, why: str) -> str:
    """The path of a program on PATH; ends the run with a sentence where it is missing."""
    found = shutil.which(program)
    if found is None:
        print(f"{program} is not on PATH: {why}", file=sys.stderr)
        sys.exit(2)
    return found


def run(command: Sequence[str], *, timeout: float = 300, env: dict[str, str] | None = None, quiet: bool = False) -> str:
    """A command to its good end, and what it said; otherwise the run ends with all that it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env, cwd=ROOT)
    if done.returncode != 0 and not quiet:
        raise AssertionError(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class Service:
    """A Waystation at an address; what it answers while its servers are being restarted is asked again."""

    def __init__(self, url: str, folder: Path, prefix: Sequence[str] = ()) -> None:
        self.url, self.folder, self.prefix = url, folder, prefix
        self.client = Client(url, actor="deploy-test", timeout=60)

    def http(self, words: str, **ids: str) -> Any:
        """One call by httpie, written as in the README; the JSON that it prints."""
        for name, value in ids.items():
            words = words.replace(name, value)
        _, *rest = shlex.split(words.replace(":5000", self.url))
        program = str(Path(sys.executable).parent / "http")
        command = [*self.prefix, program, "--ignore-stdin", "--check-status", "--timeout=60", *rest]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def ask(self, question: Callable[[], T], timeout: float = 120) -> T:
        """An answer, asked for until there is one."""

        def answer() -> list[T]:
            try:
                return [question()]
            except (ServerNotReachable, Unavailable):
                return []

        return wait_until(answer, timeout, every=0.5)[0]

    def ready(self, timeout: float = 600) -> None:
        """Wait until database, broker and a worker are there."""
        self.ask(self.client.ready, timeout)

    def task(self, task_id: str) -> Task:
        return self.ask(lambda: self.client.task(task_id))

    def until(self, task_id: str, *statuses: str, timeout: float = 900) -> Task:
        """The task once it has one of these statuses."""

        def there() -> Task | None:
            task = self.task(task_id)
            assert task["status"] in statuses or not task["complete"], task
            return task if task["status"] in statuses else None

        found = wait_until(there, timeout, every=0.2)
        assert found
        return found

    def rows(self, dataset: str) -> int:
        """The rows that readers see."""
        found = [d["rows"] for d in self.ask(self.client.datasets) if d["name"] == dataset]
        return int(str(found[0])) if found else 0

    def story(self, task_id: str) -> list[str]:
        """The task's timeline: each event, with its reason where it has one."""
        found = self.ask(lambda: self.client.events(task_id))
        return [f"{e['event']} ({e['reason']})" if e["reason"] else e["event"] for e in found]


def people(path: Path, rows: int) -> Path:
    """A file of invented people, with commas, quotes and line breaks inside fields."""
    with path.open("wb") as file:
        write_people(file, rows, seed=7)
    return path


DRAINED = "the worker is asked to end"  # the reason of a task that was given back by a drained worker
KILLED = "lease lost"


class Imports:
    """Several imports of one file at once, each into a dataset of its own: enough work to do things to while it goes on."""

    def __init__(self, service: Service, source: Path, rows: int, name: str, count: int) -> None:
        self.service, self.source, self.rows = service, source, rows
        self.tasks = {f"{name}{n}": "" for n in range(1, count + 1)}
        for dataset in self.tasks:
            self.tasks[dataset] = service.client.upload(source, dataset=dataset)["task_id"]

    def done(self) -> float:
        """The part of all the work that is done: 0 to 1."""
        found = [self.service.task(id)["progress"] for id in self.tasks.values()]
        return sum(p["done"] / p["total"] if p["total"] else 0.0 for p in found) / len(found)

    def reached(self, part: float) -> None:
        """Wait until this part of the work is done, and something more than now where that was done already."""
        now = self.done()
        assert now < 0.98, "the imports were over too soon; ask for more rows"
        wait_until(lambda: self.done() >= max(part, now + 0.01), 900, every=0.1)

    def tells(self, words: str) -> bool:
        """Whether one of the timelines has these words."""
        return any(words in event for id in self.tasks.values() for event in self.service.story(id))

    def told(self, words: str) -> None:
        """Wait until it does; they must not all end before."""
        wait_until(lambda: self.tells(words) or self.done() == 1, 300, every=0.3)
        assert self.tells(words), f"{len(self.tasks)} imports of {self.rows:,} rows ended without {words!r}: send more"

    def exact(self) -> None:
        """Wait for their success; then each dataset must hold the file's rows, all of them, once, and in order."""
        first, *others = self.tasks
        for dataset, id in self.tasks.items():
            task = self.service.until(id, "succeeded")
            say(f"{dataset}: attempt {task['attempt']}: {', '.join(self.service.story(id))}")
            assert self.service.rows(dataset) == self.rows
        path, wanted = self._exported(first)
        _same_rows(self.source, path)
        for dataset in others:
            assert self._exported(dataset)[1] == wanted, f"{dataset} is not as {first}, of the same file"
        say(f"{len(self.tasks)} datasets of {self.rows:,} rows, each row as in the file and in its place")

    def _exported(self, dataset: str) -> tuple[Path, str]:
        task = self.service.ask(lambda: self.service.client.download(dataset=dataset))
        self.service.until(task["task_id"], "succeeded")
        target = self.service.folder / "exported.csv"
        saved = self.service.ask(lambda: self.service.client.save_result(task["task_id"], target))
        return target, saved.sha256


def _same_rows(source: Path, target: Path) -> None:
    with source.open(newline="") as file, target.open(newline="") as other:
        for number, (mine, theirs) in enumerate(itertools.zip_longest(csv.reader(file), csv.reader(other)), 1):
            assert mine == theirs, f"row {number}: {theirs} instead of {mine}"


def walk_through(service: Service, rows: int) -> None:
    """The README's calls by httpie: import, pause, resume, export, stop, undo. An import of less than five million rows
    may end before the next httpie has begun."""
    data = service.folder / "files" / "datasets" / "data.csv"
    data.parent.mkdir(parents=True)
    people(data, rows)
    assert service.http("http GET :5000/tasks/") == {"tasks": [], "next": None}
    id = service.http("http -f POST :5000/tasks/upload file@files/datasets/data.csv")["task_id"]
    assert service.http("http GET :5000/tasks/TASK_ID/pause", TASK_ID=id)["status"] in ("pausing", "paused")
    service.until(id, "paused")
    assert service.http("http GET :5000/tasks/TASK_ID/resume", TASK_ID=id)["status"] in ("queued", "running")
    assert (service.until(id, "succeeded")["result"] or {})["rows"] == rows
    export = service.http("http GET :5000/tasks/download from=2010-02-15 till=2019-03-15")["task_id"]
    service.until(export, "succeeded")
    service.client.save_result(export, service.folder / "range.csv")
    exported = 0
    with (service.folder / "range.csv").open(newline="") as got, data.open(newline="") as whole:
        wanted = (r for r in csv.DictReader(whole) if "2010-02-15" <= r["record_date"] <= "2019-03-15")
        for exported, (theirs, mine) in enumerate(itertools.zip_longest(csv.DictReader(got), wanted), 1):
            assert theirs == mine, f"row {exported} of the export: {theirs} instead of {mine}"
    stopped = service.http("http -f POST :5000/tasks/upload file@files/datasets/data.csv dataset=stopped")["task_id"]
    service.http("http GET :5000/tasks/TASK_ID/stop", TASK_ID=stopped)
    service.until(stopped, "stopped")
    assert service.rows("stopped") == 0
    service.http('http POST :5000/tasks/TASK_ID/undo reason="two columns were swapped"', TASK_ID=id)
    service.until(id, "undone")
    assert service.rows("data") == 0
    say(f"the walk-through by httpie at {service.url}: import, pause, resume, export of {exported:,} rows, stop, undo")
