"""Two streams into one batch: exact whatever dies between a chunk's commit and its checkpoint, the same wherever it is cut."""

from __future__ import annotations

import signal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.conftest import StartWorker, launch_worker
from tests.support import at_state, children, parsed, part_tables, people_csv, send, table_rows, wait_until
from waystation.model import State, Task, Verb
from waystation.wiring import House

ROWS = 60_000  # enough for two streams
TOWN = {"chunk_rows": 2000}


def ledger(house: House, task: Task) -> list[dict[str, Any]]:
    """The chunks of a task's batch, in file order; `written` says which transaction wrote it."""
    with house.database.transaction() as connection:
        return connection.execute(
            "SELECT c.*, c.xmin::text AS written FROM chunks c JOIN batches b ON b.id = c.batch WHERE b.task = %s"
            " ORDER BY c.start_offset",
            (task.id,),
        ).fetchall()


def parts(house: House, task: Task) -> list[str]:
    with house.database.transaction() as connection:
        rows = connection.execute(
            "SELECT p.relation FROM parts p JOIN batches b ON b.id = p.batch WHERE b.task = %s ORDER BY p.id", (task.id,)
        )
        return [r["relation"] for r in rows]


def without_gaps(chunks: list[dict[str, Any]], first: int, size: int) -> bool:
    """Whether chunks follow each other from the first record to the file's end, by bytes, records and lines."""
    starts = [first, *(c["end_offset"] for c in chunks[:-1])]
    records = [1, *(c["last_row"] + 1 for c in chunks[:-1])]
    lines = [2, *(c["line"] + c["lines"] for c in chunks[:-1])]
    return (
        [c["start_offset"] for c in chunks] == starts
        and [c["first_row"] for c in chunks] == records
        and [c["line"] for c in chunks] == lines
        and chunks[-1]["end_offset"] == size
    )


@pytest.mark.long
def test_a_large_file_lies_in_two_parts_that_are_published_and_undone_together(town: House) -> None:
    data = people_csv(ROWS)
    before = part_tables(town)
    task = at_state(town, send(town, data, dataset="halves"), State.SUCCEEDED)
    assert len(parts(town, task)) == 2
    assert table_rows(town, "halves") == parsed(data)
    chunks = ledger(town, task)
    assert {c["part"] for c in chunks} == {int(p[1:]) for p in parts(town, task)}
    assert without_gaps(chunks, data.index(b"\n") + 1, len(data))
    export, _ = town.control.submit("export", {"dataset": "halves"}, actor="ann")
    at_state(town, export, State.SUCCEEDED)
    assert town.control.result(export.id).read_bytes() == data, "both parts, in the order of the file"
    town.control.act(Verb.UNDO, task.id, actor="ann")
    at_state(town, task, State.UNDONE)
    assert part_tables(town) == before


def test_the_preview_shows_the_first_rows_of_the_file_from_both_parts(town: House) -> None:
    data = people_csv(ROWS)
    at_state(town, send(town, data, dataset="looked_at"), State.SUCCEEDED)
    with town.database.transaction() as connection:
        first = connection.execute("SELECT max(last_row) AS n FROM chunks WHERE start_offset < 60").fetchone()
    assert first is not None
    assert first["n"] < 3000, "the rows that are looked at lie in several chunks"
    assert town.control.preview("looked_at", limit=3000)[1] == parsed(data)[:3000]


def test_a_small_file_needs_one_part_alone(town: House) -> None:
    task = at_state(town, send(town, b"n\n1\n2\n", dataset="small"), State.SUCCEEDED)
    assert len(parts(town, task)) == 1


def test_killed_with_a_chunk_in_ahead_of_its_checkpoint_nothing_is_lost_and_nothing_doubled(
    house: House, start_worker: StartWorker
) -> None:
    """One stream is held back, the other commits a later chunk, no checkpoint passes, and the process dies: the next attempt
    redoes what the ledger lacks, and leaves what it has."""
    worker = start_worker(slots=1, chunk_rows=2000)
    data = people_csv(ROWS)
    task = send(house, data)
    wait_until(lambda: len(ledger(house, task)) > 4, 30)
    held_back, _ = parts(house, task)
    with psycopg.connect(house.database_url) as other:
        other.execute(sql.SQL("LOCK TABLE parts.{} IN EXCLUSIVE MODE").format(sql.Identifier(held_back)))
        wait_until(lambda: ahead_of_a_gap(house, task), 30)
        children(worker.pid)[0].kill()
    before = {c["start_offset"]: c for c in ledger(house, task)}
    last = max(before)
    assert ahead_of_a_gap(house, task), "the checkpoint does not know of the last chunk"
    at_state(house, task, State.SUCCEEDED, timeout=60)
    after = {c["start_offset"]: c for c in ledger(house, task)}
    assert after[last] == before[last], "it was not done again, and has its bounds"
    assert table_rows(house, "data") == parsed(data)
    assert without_gaps(list(after.values()), data.index(b"\n") + 1, len(data))


def ahead_of_a_gap(house: House, task: Task) -> bool:
    """Whether a chunk is in whose predecessor is not, and which lies behind the checkpoint."""
    chunks = ledger(house, task)
    cursor = house.control.get(task.id).cursor
    assert isinstance(cursor, dict)
    last = chunks[-1]["start_offset"]
    return bool(chunks[-2]["end_offset"] < last and last >= cursor["offset"])


def test_a_paused_import_has_no_chunk_under_way_and_goes_on_to_the_same_rows(house: House) -> None:
    """What is in when the slot is given back stays in; nobody writes any more once the task says `paused`."""
    data = people_csv(ROWS)
    task = send(house, data)
    worker = launch_worker(house, slots=1, chunk_rows=2000)
    try:
        for n in range(3):
            wait_until(lambda n=n: len(ledger(house, task)) > 6 * (n + 1), 30)  # type: ignore[misc]
            house.control.act(Verb.PAUSE, task.id, actor="ann")
            at_state(house, task, State.PAUSED)
            with house.database.transaction() as connection:
                busy = connection.execute(
                    "SELECT FROM pg_stat_activity WHERE application_name LIKE %s AND state <> 'idle'", (f"ws:{task.id}:%",)
                ).fetchall()
            assert busy == []
            house.control.act(Verb.RESUME, task.id, actor="ann")
        at_state(house, task, State.SUCCEEDED, timeout=60)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(40)
    assert table_rows(house, "data") == parsed(data)
