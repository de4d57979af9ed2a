"""An import and an export whose worker children are killed or frozen half-way: the same rows and bytes as of a quiet run."""

from __future__ import annotations

from contextlib import suppress

import psutil
import pytest

from tests.conftest import StartWorker
from tests.support import at_state, children, parsed, part_tables, people_csv, send, table_rows, timeline, wait_until
from waystation.model import State
from waystation.wiring import House


def test_killed_half_way_an_import_ends_with_exactly_the_rows_of_the_file(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(slots=1, chunk_rows=1000)
    data = people_csv(60_000)
    task = send(house, data)
    wait_until(lambda: (t := house.control.get(task.id)).total and t.done > t.total / 2, 30)
    children(worker.pid)[0].kill()
    ended = at_state(house, task, State.SUCCEEDED, timeout=60)
    assert table_rows(house, "data") == parsed(data)
    assert ended.attempt == 2
    claims = [e.attempt for e in house.control.events(task.id) if e.event == "claimed"]
    assert claims == [1, 2]
    assert "lease lost" in timeline(house, task)


@pytest.mark.long
def test_killed_in_its_merge_an_import_by_key_ends_the_same(house: House, start_worker: StartWorker) -> None:
    worker = start_worker(slots=1, chunk_rows=400)
    rows = 16_000
    lines = [f"{n},old {n}\n" for n in range(rows)]
    at_state(house, send(house, "".join(["id,v\n", *lines]).encode()), State.SUCCEEDED, timeout=60)
    new = [f"{n},new {n}\n" for n in range(rows // 2, rows + rows // 2)]
    task = send(house, "".join(["id,v\n", *new]).encode(), key=["id"], on_conflict="update")
    wait_until(lambda: ((house.control.get(task.id).cursor or {}).get("merge") or {}).get("phase") == "old", 60, every=0.005)
    children(worker.pid)[0].kill()
    ended = at_state(house, task, State.SUCCEEDED, timeout=60)
    assert ended.attempt == 2
    assert table_rows(house, "data") == parsed("".join(["id,v\n", *lines[: rows // 2], *new]).encode())
    assert (ended.counts["inserted"], ended.counts["updated"]) == (rows // 2, rows // 2)
    kept = [name for name in part_tables(house) if not name.startswith("r")]
    assert len(kept) == 2, "the two batches; the tables of keys are gone"


@pytest.mark.parametrize("how", ["killed", pytest.param("frozen", marks=pytest.mark.long)])
def test_an_export_taken_from_a_dead_or_frozen_attempt_has_the_same_bytes(
    house: House, start_worker: StartWorker, how: str
) -> None:
    worker = start_worker(slots=1, chunk_rows=500)
    data = people_csv(40_000)
    at_state(house, send(house, data), State.SUCCEEDED, timeout=60)
    task, _ = house.control.submit("export", {}, actor="ann")
    wait_until(lambda: house.control.get(task.id).done > 5000, 30)
    [child] = children(worker.pid)
    if how == "killed":
        child.kill()
    else:
        child.suspend()
        start_worker(slots=1, chunk_rows=500)
        wait_until(lambda: house.control.get(task.id).attempt == 2, 30)
        with suppress(psutil.NoSuchProcess):  # it may have been killed for its silence
            child.resume()
    ended = at_state(house, task, State.SUCCEEDED, timeout=60)
    assert ended.attempt == 2
    assert house.control.result(task.id).read_bytes() == data
    assert len(part_tables(house)) == 2
