"""The crash run: imports and exports while everything is killed, frozen and flushed; then every row and byte is compared.

`make crash` runs it for ten minutes; the suite has a short one. A seed gives the same order of attacks and tasks.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import redis

from tests.conftest import launch_worker
from tests.support import parsed, part_tables, people_csv, send, table_rows, wait_until
from waystation.errors import Unavailable, VerbNotPossible
from waystation.local import client_url
from waystation.model import State, Task, TaskFilter, Verb
from waystation.settings import Settings
from waystation.states import FINAL
from waystation.wiring import House, open_house

T = TypeVar("T")
ACTIVE = 5  # tasks that are kept under way
SIZES = (40, 2_000, 12_000, 30_000)  # rows of an import
REFERENCE = 25_000  # rows of the dataset that the exports read
LEASE = 1.5


@dataclass
class Score:
    """What was done, and what was found."""

    attacks: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    imports: int = 0
    exports: int = 0
    stopped: int = 0
    expected: int = 0
    found: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    failed: int = 0
    stuck: int = 0
    left_rows: int = 0
    left_files: int = 0
    left_tables: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled, differing, stuck or left."""
        return not any(
            (
                self.lost,
                self.doubled,
                self.differing,
                self.failed,
                self.stuck,
                self.left_rows,
                self.left_files,
                self.left_tables,
                self.expected != self.found,
            )
        )

    def line(self, seconds: float, seed: int) -> str:
        """The score, on one line."""
        attacks = ", ".join(f"{name} {n}" for name, n in sorted(self.attacks.items()))
        verbs = ", ".join(f"{name} {n}" for name, n in sorted(self.verbs.items()))
        return (
            f"{'CLEAN' if self.clean else 'BROKEN'} after {seconds:.0f} s (seed {seed}) | attacks: {attacks} | verbs: {verbs} |"
            f" imports {self.imports}, exports {self.exports}, stopped {self.stopped} |"
            f" rows expected {self.expected:,} found {self.found:,} lost {self.lost} doubled {self.doubled} |"
            f" exports differing {self.differing} | failed {self.failed} stuck {self.stuck} |"
            f" left rows {self.left_rows} files {self.left_files} tables {self.left_tables}"
        )


class Soak:
    """One run on a home of its own."""

    def __init__(self, house: House, seed: int) -> None:
        self.house, self.random, self.score = house, random.Random(seed), Score()
        self.workers: list[subprocess.Popen[bytes]] = []
        self.frozen: list[tuple[float, psutil.Process]] = []
        self.tasks: dict[str, tuple[Task, bytes | None]] = {}  # an import has its file, an export none
        self.quiet: bytes = b""
        self.number = 0

    # -- surviving what we break ourselves
    def persist(self, ask: Callable[[], T], timeout: float = 60) -> T:
        """Ask again while a part that we killed is away."""
        until = time.monotonic() + timeout
        while True:
            try:
                return ask()
            except Unavailable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    # -- the load
    def feed(self) -> None:
        """Keep some tasks under way."""
        now = self.persist(lambda: [self.house.control.get(t.id) for t, _ in self.tasks.values()])
        under_way = [t for t in now if t.state not in FINAL]
        for _ in range(ACTIVE - len(under_way)):
            self.number += 1
            if self.random.random() < 0.7:
                data = people_csv(self.random.choice(SIZES), seed=self.number)
                name = f"d{self.number}"
                task = self.persist(lambda data=data, name=name: send(self.house, data, dataset=name))  # type: ignore[misc]
                self.tasks[str(task.id)] = (task, data)
            else:
                task, _ = self.persist(lambda: self.house.control.submit("export", {"dataset": "reference"}, actor="soak"))
                self.tasks[str(task.id)] = (task, None)

    def ask(self) -> None:
        """A verb to a task at random."""
        verb = self.random.choices([Verb.PAUSE, Verb.RESUME, Verb.STOP], [5, 6, 1])[0]
        task, _ = self.random.choice(list(self.tasks.values())[-3 * ACTIVE :])  # most of the others have ended
        try:
            self.house.control.act(verb, task.id, actor="soak")
            self.score.verbs[verb] += 1
        except (VerbNotPossible, Unavailable):
            return

    # -- the attacks
    def attack(self) -> None:
        """Something at random is killed, frozen or wiped."""
        attacks: list[tuple[Callable[[], bool], int]] = [
            (self.kill_child, 8),
            (self.freeze_child, 4),
            (self.kill_worker, 2),
            (self.kill_broker, 2),
            (self.wipe_broker, 3),
            (self.kill_database, 1),
        ]
        chosen = self.random.choices([a for a, _ in attacks], [w for _, w in attacks])[0]
        if chosen():
            self.score.attacks[chosen.__name__] += 1

    def _children(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for worker in self.workers:
            with suppress(psutil.NoSuchProcess):
                for main in psutil.Process(worker.pid).children():
                    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                        if "waystation.engine.main" in main.cmdline():
                            found += [p for p in main.children() if "tracker" not in " ".join(p.cmdline())]
        return found

    def kill_child(self) -> bool:
        """kill -9 of a pool child."""
        children = self._children()
        if not children:
            return False
        with suppress(psutil.NoSuchProcess):
            self.random.choice(children).kill()
        return True

    def freeze_child(self) -> bool:
        """SIGSTOP of a pool child, past its lease; it wakes later."""
        awake = [c for c in self._children() if c.pid not in {p.pid for _, p in self.frozen}]
        if not awake:
            return False
        child = self.random.choice(awake)
        with suppress(psutil.NoSuchProcess):
            child.suspend()
            self.frozen.append((time.monotonic() + self.random.uniform(1.2, 3) * LEASE, child))
        return True

    def thaw(self, everything: bool = False) -> None:
        """Wake the frozen whose time has come."""
        for entry in list(self.frozen):
            if everything or time.monotonic() > entry[0]:
                with suppress(psutil.NoSuchProcess):
                    entry[1].resume()
                self.frozen.remove(entry)

    def kill_worker(self) -> bool:
        """kill -9 of a whole worker, and another is started."""
        worker = self.random.choice(self.workers)
        self._end(worker)
        self.workers.remove(worker)
        self.workers.append(self.persist(lambda: launch_worker(self.house)))
        return True

    def _end(self, worker: subprocess.Popen[bytes]) -> None:
        with suppress(psutil.NoSuchProcess):
            family = [*psutil.Process(worker.pid).children(recursive=True), psutil.Process(worker.pid)]
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        worker.wait()

    def _server(self, word: str) -> psutil.Process | None:
        lodging = self.house.lodging
        assert lodging is not None
        home = str(self.house.settings.home)
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                command = " ".join(process.cmdline())
                if word in process.name() and (home in command or home in process.cwd()):
                    parent = process.parent()
                    if parent is None or word not in parent.name():
                        return process
        return None

    def kill_broker(self) -> bool:
        """kill -9 of Valkey; the keeper starts it again."""
        process = self._server("valkey")
        if process is None:
            return False
        process.kill()
        return True

    def wipe_broker(self) -> bool:
        """FLUSHALL."""
        try:
            client = redis.Redis.from_url(client_url(self.house.redis_url), socket_timeout=2)
            client.flushall()
            client.close()
        except redis.RedisError:
            return False
        return True

    def kill_database(self) -> bool:
        """kill -9 of the postmaster; the keeper starts it again."""
        process = self._server("postgres")
        if process is None:
            return False
        process.kill()
        return True

    # -- the run
    def run(self, seconds: float, attacks: int) -> Score:
        """Quiet run, attacks for so long and of that number at least, peace, comparison."""
        self.workers = [launch_worker(self.house), launch_worker(self.house)]
        self._reference()
        until = time.monotonic() + seconds
        next_attack = time.monotonic()
        while time.monotonic() < until or sum(self.score.attacks.values()) < attacks:
            self.feed()
            self.ask()
            self.thaw()
            if time.monotonic() > next_attack:
                self.attack()
                next_attack = time.monotonic() + self.random.uniform(0.3, 1.5)
            time.sleep(0.05)
        self.thaw(everything=True)
        self._peace()
        self._compare()
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(timeout=60)
        return self.score

    def _reference(self) -> None:
        data = people_csv(REFERENCE, seed=10**6)
        task = send(self.house, data, dataset="reference")
        wait_until(lambda: self.house.control.get(task.id).state is State.SUCCEEDED, 60)
        export, _ = self.house.control.submit("export", {"dataset": "reference"}, actor="soak")
        wait_until(lambda: self.house.control.get(export.id).state is State.SUCCEEDED, 60)
        self.quiet = self.house.control.result(export.id).read_bytes()
        assert self.quiet == data

    def _peace(self) -> None:
        """No more attacks: what is paused goes on, and everything must end."""

        def ended() -> bool:
            for task in self.persist(lambda: self.house.control.page(TaskFilter(state=State.PAUSED), limit=500)).tasks:
                with suppress(VerbNotPossible, Unavailable):
                    self.house.control.act(Verb.RESUME, task.id, actor="soak")
            now = self.persist(lambda: [self.house.control.get(t.id) for t, _ in self.tasks.values()])
            return all(t.state in FINAL for t in now)

        with suppress(AssertionError):
            wait_until(ended, 120, every=0.3)

    def _compare(self) -> None:
        score = self.score
        kept = {"reference"}
        for task, data in self.tasks.values():
            now = self.house.control.get(task.id)
            score.imports += data is not None
            score.exports += data is None
            if now.state not in FINAL:
                score.stuck += 1
                score.notes.append(f"{now.kind} {now.id} is {now.state}, wish {now.wish}, attempt {now.attempt}")
            elif now.state is State.FAILED:
                score.failed += 1
                score.notes.append(f"{now.kind} {now.id} failed: {now.error}")
            elif now.state is State.STOPPED:
                score.stopped += 1
                self._nothing_left(now)
            elif data is None:
                if self.house.control.result(now.id).read_bytes() != self.quiet:
                    score.differing += 1
                    score.notes.append(f"export {now.id} differs")
            else:
                kept.add(str(now.dataset))
                self._rows(now, data)
        live = len(kept)
        if score.clean:
            wait_until(self._swept, 60, every=0.5)
        score.left_tables = len([t for t in part_tables(self.house) if t.startswith("p")]) - live

    def _swept(self) -> bool:
        """The reaper has removed the segments that dead attempts left."""
        segments = self.house.settings.home / "segments"
        return not segments.exists() or not list(segments.iterdir())

    def _rows(self, task: Task, data: bytes) -> None:
        wanted = Counter(map(tuple, parsed(data)))
        rows = table_rows(self.house, str(task.dataset))
        found = Counter(map(tuple, rows))
        self.score.expected += wanted.total()
        self.score.found += found.total()
        self.score.lost += (wanted - found).total()
        self.score.doubled += (found - wanted).total()
        if rows != parsed(data) and wanted == found:
            self.score.differing += 1
            self.score.notes.append(f"import {task.id}: the order differs")

    def _nothing_left(self, task: Task) -> None:
        if task.dataset != "reference" and task.dataset in [d.name for d in self.house.control.datasets()]:
            self.score.left_rows += len(table_rows(self.house, task.dataset or ""))
        files = [p for p in self.house.settings.home.rglob("*") if p.is_file() and str(task.id) in str(p)]
        if files:
            self.score.left_files += len(files)
            self.score.notes.append(f"left: {files}")


def soak(seconds: float, seed: int, *, attacks: int = 0) -> Score:
    """Run it on a home of its own, which is removed afterwards: so long, and on until `attacks` were made."""
    home = Path(tempfile.mkdtemp(prefix="ws-soak-"))
    settings = Settings.from_env(
        {}, home=home, lease=LEASE, heartbeat=0.3, reap=0.3, chunk_rows=250, slots=2, log="error", lock_timeout=2.0
    )
    try:
        with open_house(settings) as house:
            named = settings.model_copy(update={"database_url": house.database_url, "redis_url": house.redis_url})
            house.settings = named
            run = Soak(house, seed)
            try:
                return run.run(seconds, attacks)
            finally:
                for worker in run.workers:
                    run.thaw(everything=True)
                    if worker.poll() is None:
                        run._end(worker)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    score = soak(asked.seconds, asked.seed)
    for note in score.notes:
        print("  ", note)
    print(score.line(time.monotonic() - began, asked.seed))
    sys.exit(0 if score.clean else 1)


if __name__ == "__main__":
    main()
