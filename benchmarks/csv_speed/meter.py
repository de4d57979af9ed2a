"""What something took: seconds, processor seconds of client and server, and the client's peak memory (by Linux, /proc)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(slots=True)
class Taken:
    """What one run took. share: of the whole, where a slow one had fewer rows; the seconds are those of the whole then.

    slot: seconds that the task was in its slot; only ours have one.
    """

    seconds: float = 0.0
    client: float = 0.0
    server: float = 0.0
    peak: int = 0
    slot: float | None = None

    def scaled(self, times: float) -> Taken:
        """As if it had been so many times as much."""
        return Taken(self.seconds * times, self.client * times, self.server * times, self.peak, self.slot)


def spent(pid: int, *, dead_children: bool = False) -> float:
    """The processor seconds of a process so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except GONE:
        return 0.0
    return sum(map(int, fields[11 : 15 if dead_children else 13])) / TICKS


def children(pid: int) -> list[int]:
    """Those of a process, of all its threads."""
    found: list[int] = []
    with suppress(*GONE):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    return found


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(below for child in children(pid) for below in family(child))]


def server_spent(postmaster: int) -> float:
    """The processor seconds of a PostgreSQL, those of its processes that ended too."""
    return spent(postmaster, dead_children=True) + sum(spent(child) for child in children(postmaster))


def forget_peak(pids: Iterable[int]) -> None:
    """From now on the peak counts anew."""
    for pid in pids:
        with suppress(*GONE, PermissionError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """The largest resident set that a process had, in bytes."""
    with suppress(*GONE):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return 0


def gain() -> float:
    """How much more two processes get done than one, on this machine: 2 on two cores, little more than 1 on the two halves of
    one. Whoever works on two processors at once can't be faster than that says."""
    work = [sys.executable, "-c", "import zlib; d = bytes(range(256)) * 4096\nfor _ in range(24): zlib.compress(d)"]
    took = []
    for count in (1, 2):
        began = time.monotonic()
        for process in [subprocess.Popen(work) for _ in range(count)]:
            process.wait()
        took.append(time.monotonic() - began)
    return 2 * took[0] / took[1]


@contextmanager
def metered(postmaster: int, pids: Callable[[], Iterable[int]]) -> Iterator[Taken]:
    """Measure what happens inside; `pids` are the client's processes, which must outlive it."""
    made = Taken()
    forget_peak(pids())
    client, server, began = sum(map(spent, pids())), server_spent(postmaster), time.monotonic()
    yield made
    made.seconds = time.monotonic() - began
    made.client = sum(map(spent, pids())) - client
    made.server = server_spent(postmaster) - server
    made.peak = max(map(peak, pids()), default=0)


def run(postmaster: int, command: list[str], environ: dict[str, str]) -> tuple[Taken, str]:
    """Run a program to its end: what it took, and what it said. Raises CalledProcessError."""
    server, began = server_spent(postmaster), time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    made, over = Taken(), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            made.peak = max(made.peak, peak(process.pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    assert process.stdout is not None
    with process.stdout as pipe:
        said = pipe.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    made.seconds = time.monotonic() - began
    over.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, said)
    made.client, made.server = usage.ru_utime + usage.ru_stime, server_spent(postmaster) - server
    return made, said
