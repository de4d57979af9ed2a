"""Peak memory of the web process and of the pool child that imports, for a small and a large file: they should be equal.

    python benchmarks/memory.py [--megabytes 100 1000]

Each file goes through HTTP into a `waystation up` of its own in a temporary folder (Linux only: it reads VmHWM, the
kernel's own record of a process's largest resident set). At the end a table is printed; the exit code is 1 if the larger
file took more than 1.25 times the memory of the smaller one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waystation.cli.people import write_people
from waystation.client import Client, Task

FLAT = 1.25  # how much more memory the larger file may take
ROW = 100  # bytes of an average row


def parents() -> dict[int, tuple[int, str]]:
    """Every process: its parent and its command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                ppid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found[int(entry.name)] = (ppid, (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return found


def family(root: int) -> dict[int, str]:
    """The process `root` and all below it, with their commands."""
    every = parents()
    found = {root: every[root][1]}
    size = 0
    while size != len(found):
        size = len(found)
        found |= {pid: command for pid, (ppid, command) in every.items() if ppid in found}
    return found


def peak(pid: int) -> int:
    """The largest resident set that this process ever had, in bytes; 0 if it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def peaks(root: int) -> dict[str, int]:
    """The largest peak of each sort of process below `root`."""
    found = {"web": 0, "pool child": 0}
    for pid, command in family(root).items():
        sort = "web" if "waystation web" in command else "pool child" if "waystation.engine.main" in command else None
        if sort:
            found[sort] = max(found[sort], peak(pid))
    return found


@contextmanager
def up(home: Path) -> Iterator[tuple[int, Client]]:
    """A `waystation up`: its process id and a client."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("WAYSTATION_", "DATABASE_URL", "REDIS_URL"))}
    command = [sys.executable, "-m", "waystation", "up", "--json", "--home", str(home), "--port", "0"]
    process = subprocess.Popen(command, env={**environ, "WAYSTATION_LOG": "warning"}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as said:
        line = said.readline()
        if not line:
            sys.exit(f"`waystation up` ended with exit code {process.wait()}.")
        try:
            yield process.pid, Client(json.loads(line)["url"], actor="benchmark", timeout=600)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def measure(megabytes: int) -> tuple[dict[str, int], Task, float]:
    """Import a file of that size: the peaks, the task at its end, the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="waystation-bench-") as folder:
        file = Path(folder) / "people.csv"
        with file.open("wb") as out:
            write_people(out, megabytes * 10**6 // ROW)
        with up(Path(folder) / "home") as (pid, client):
            began = time.monotonic()
            task = client.upload(file)
            file.unlink()
            highest: dict[str, int] = {}
            while not task["complete"]:
                task = client.task(task["task_id"], wait=1, version=task["version"])
                highest = {sort: max(highest.get(sort, 0), size) for sort, size in peaks(pid).items()}
            return highest, task, time.monotonic() - began


def main() -> int:
    """Measure each size, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 1000], help="sizes of the files")
    sizes = parser.parse_args().megabytes
    print(f"{'file':>8}  {'rows':>12}  {'seconds':>8}  {'web':>8}  {'pool child':>10}   peak RSS in MB", flush=True)
    found = []
    for megabytes in sizes:
        highest, task, seconds = measure(megabytes)
        if task["status"] != "succeeded":
            sys.exit(f"The import of {megabytes} MB is {task['status']}: {task['error']}")
        found.append(highest)
        rows = (task["result"] or {})["rows"]
        columns = f"{highest['web'] / 1e6:>8.0f}  {highest['pool child'] / 1e6:>10.0f}"
        print(f"{megabytes:>5} MB  {rows:>12,}  {seconds:>8.1f}  {columns}", flush=True)
    grown = {sort: found[-1][sort] / found[0][sort] for sort in found[0]}
    for sort, ratio in grown.items():
        print(f"{sort}: {ratio:.2f} times the memory for {sizes[-1] / sizes[0]:g} times the file")
    return 1 if any(ratio > FLAT for ratio in grown.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
