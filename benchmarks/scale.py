"""How far slots go: as many imports side by side as there are slots, and what they share.

    python -m benchmarks.scale [--rows 500000] [--slots 1 2 4]

Everything runs on private servers in a temporary home. For each number of slots a worker of its own imports that many files at
once; told are the rows a second of all together, their ratio to one slot, the largest peak RSS of a pool child, and the most
connections that the database had meanwhile. Each import has two streams, so one slot alone keeps more than one core busy.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import psutil
from tests.conftest import end_worker, launch_worker

from benchmarks.memory import peak
from waystation.csvio import people
from waystation.model import State, Task
from waystation.settings import Settings
from waystation.states import FINAL
from waystation.wiring import House, open_house


def sent(house: House, rows: int, dataset: str, seed: int) -> str:
    """An upload of that many generated rows, for a dataset; its id."""
    with house.control.receive(f"{dataset}.csv", actor="bench") as writer:
        writer.write(people.HEADER)
        for block in people.blocks(rows, seed=seed):
            writer.write(block)
        return str(writer.commit().id)


def measure(house: House, slots: int, rows: int) -> tuple[float, int, int]:
    """Rows a second of all, the largest peak of a child in bytes, and the most connections."""
    ready = {f"s{slots}n{n}": sent(house, rows, f"s{slots}n{n}", seed=10 * slots + n) for n in range(slots)}
    worker = launch_worker(house, slots=slots)
    warm, _ = house.control.submit("generate", {"rows": 1}, actor="bench")
    finish(house, [warm])
    began, highest, most = time.monotonic(), 0, 0
    tasks = [
        house.control.submit("import", {"upload": upload, "dataset": name}, actor="bench")[0] for name, upload in ready.items()
    ]
    while not all(t.state in FINAL for t in tasks):
        time.sleep(0.1)
        tasks = [house.control.get(t.id) for t in tasks]
        highest = max([highest, *(peak(child.pid) for child in psutil.Process(worker.pid).children(recursive=True))])
        most = max(most, house.control.tallies().connections)
    finish(house, tasks)
    took = max(t.ended_at.timestamp() for t in tasks if t.ended_at) - min(t.created_at.timestamp() for t in tasks)
    end_worker(worker)
    assert time.monotonic() - began >= took
    return slots * rows / took, highest, most


def finish(house: House, tasks: list[Task]) -> None:
    """Wait until all have succeeded."""
    for task in tasks:
        while (now := house.control.get(task.id)).state not in FINAL:
            time.sleep(0.05)
        if now.state is not State.SUCCEEDED:
            raise SystemExit(f"{now.kind} is {now.state}: {now.error}")


def main() -> None:
    """Measure each number of slots, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="rows of each file")
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 2, 4])
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, {asked.rows:,} rows a file")
    print(f"{'slots':>5}  {'rows/s':>9}  {'x one':>5}  {'peak RSS of a child':>19}  {'connections':>11}", flush=True)
    first = 0.0
    with tempfile.TemporaryDirectory(prefix="waystation-scale-") as folder:
        settings = Settings.from_env({}, home=Path(folder), log="warning")
        with open_house(settings) as house:
            found = {"database_url": house.database_url, "redis_url": house.redis_url}
            house.settings = settings.model_copy(update=found)
            for slots in asked.slots:
                speed, highest, most = measure(house, slots, asked.rows)
                first = first or speed
                print(f"{slots:>5}  {speed:>9,.0f}  {speed / first:>5.2f}  {highest / 1e6:>16.0f} MB  {most:>11}", flush=True)


if __name__ == "__main__":
    main()
