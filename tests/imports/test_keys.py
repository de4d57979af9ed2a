"""Imports by key: what becomes of rows that are there already, exactly, whatever happens between the steps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.imports.conftest import Desk
from tests.support import part_tables, send, table_rows
from waystation.errors import InvalidParams, UnknownColumn
from waystation.model import State, Task, Verb
from waystation.runner import Attempt

HOUSE = {"chunk_rows": 8}  # steps of four rows
OLD = b"id,name,city\n1,ann,Bonn\n2,bob,\n3,cyd,Ulm\n"
SKIP: dict[str, Any] = {"key": ["id"], "on_conflict": "skip"}
UPDATE: dict[str, Any] = {"key": ["id"], "on_conflict": "update"}


def counts(task: Task) -> dict[str, int]:
    return {name: number for name, number in task.counts.items() if name not in ("good", "bad")}


def test_skip_adds_what_is_new_and_the_first_of_each_key(desk: Desk) -> None:
    desk.run(OLD, dataset="skipped")
    task = desk.run(b"id,name\n4,dan\n2,BOB\n4,DAN\n5,eve\n", dataset="skipped", **SKIP)
    assert table_rows(desk.house, "skipped")[3:] == [["4", "dan", None], ["5", "eve", None]]
    assert table_rows(desk.house, "skipped")[1] == ["2", "bob", None]
    assert counts(task) == {"inserted": 2, "skipped": 2}
    assert (task.done, task.total, task.unit) == (4, 4, "rows")
    assert task.result is not None
    assert (task.result["rows"], task.result["inserted"], task.result["skipped"]) == (4, 2, 2)
    desk.house.control.act(Verb.UNDO, task.id, actor="ann")
    assert len(table_rows(desk.house, "skipped")) == 3


def test_update_puts_values_in_place_and_new_rows_behind(desk: Desk) -> None:
    desk.run(OLD, dataset="updated")
    desk.run(b"id,name,city\n2,again,Bonn\n", dataset="updated")
    task = desk.run(b"id,name,age\n9,ida,1\n2,BOB,2\n1,,3\n9,IDA,4\n", dataset="updated", **UPDATE)
    assert table_rows(desk.house, "updated") == [
        ["1", None, "Bonn", "3"],
        ["2", "BOB", None, "2"],
        ["3", "cyd", "Ulm", None],
        ["2", "BOB", "Bonn", "2"],
        ["9", "IDA", None, "4"],
    ], "an empty field is a value, a column that the file lacks is none"
    assert counts(task) == {"inserted": 1, "updated": 3}
    assert desk.house.control.dataset("updated").batches == 1
    desk.house.control.act(Verb.UNDO, task.id, actor="ann")
    assert [row[:3] for row in table_rows(desk.house, "updated")] == [
        ["1", "ann", "Bonn"],
        ["2", "bob", None],
        ["3", "cyd", "Ulm"],
        ["2", "again", "Bonn"],
    ]


def test_a_key_of_several_columns_and_types_is_compared_by_value(desk: Desk) -> None:
    types = {"d": "date", "n": "numeric", "t": "text"}
    desk.run(b"d,n,t,v\n2020-01-01,1.0,a,x\n2020-01-01,1.0,A,y\n", dataset="several", types=types)
    task = desk.run(
        b"d,n,t,v\n2020-01-01,1.00,a,X\n2020-01-02,1,a,z\n",
        dataset="several",
        types=types,
        key=["d", "n", "t"],
        on_conflict="update",
    )
    assert table_rows(desk.house, "several") == [
        ["2020-01-01", "1.0", "a", "X"],
        ["2020-01-01", "1.0", "A", "y"],
        ["2020-01-02", "1", "a", "z"],
    ]
    assert counts(task) == {"inserted": 1, "updated": 1}
    for day, rows in (("2020-01-01", 2), ("2020-01-02", 1)):
        export, _ = desk.house.control.submit("export", {"dataset": "several", "from": day, "till": day}, actor="ann")
        result = desk.end(export).result
        assert result is not None
        assert result["rows"] == rows


def test_a_key_must_not_be_empty(desk: Desk) -> None:
    desk.run(b"id,v\n,old\n1,x\n", dataset="empty")
    task = desk.run(b"id,v\n,new\n1,y\n", dataset="empty", **UPDATE)
    assert table_rows(desk.house, "empty") == [[None, "old"], ["1", "y"]]
    assert [(r["col"], r["reason"]) for r in desk.house.control.reject_rows(task.id)] == [("id", "a value is required")]


def test_what_can_not_be_a_key_is_refused(desk: Desk) -> None:
    for params, error in (
        ({"key": ["nothing"], "on_conflict": "skip"}, UnknownColumn),
        ({"key": ["id"]}, InvalidParams),
        ({"on_conflict": "skip"}, InvalidParams),
        ({"key": [], "on_conflict": "skip"}, InvalidParams),
        ({"key": ["name"], "on_conflict": "skip", "types": {"name": "json"}}, InvalidParams),
    ):
        with pytest.raises(error):
            send(desk.house, OLD, dataset="refused", **params)
    words = " ".join(f"{n:x}{n * n:x}" for n in range(3000))
    task = desk.end(send(desk.house, f"id,v\n{words},1\n".encode(), dataset="refused", **SKIP))
    assert task.error is not None
    assert task.error["code"] == "key-too-long"
    task = desk.end(send(desk.house, b"id,v\n1,x\n", dataset="typed", types={"id": "text"}))
    task = desk.end(send(desk.house, b"id,v\n1,x\n2,y\n", dataset="typed", types={"id": "bigint"}, **UPDATE))
    assert task.error is not None
    assert task.error["code"] == "schema-conflict"


def test_a_replace_by_key_takes_each_key_once_and_nothing_of_what_was_there(desk: Desk) -> None:
    desk.run(OLD, dataset="replaced")
    task = desk.run(b"id,name\n2,x\n7,y\n2,z\n", dataset="replaced", mode="replace", **UPDATE)
    assert [row[:2] for row in table_rows(desk.house, "replaced")] == [["2", "z"], ["7", "y"]]
    assert counts(task) == {"inserted": 2, "updated": 1}


def test_a_dry_run_tells_the_counts_and_writes_nothing(desk: Desk) -> None:
    desk.run(OLD, dataset="dry")
    before = part_tables(desk.house)
    task = desk.run(b"id,name\n2,x\n7,y\n,z\n", dataset="dry", dry_run=True, **UPDATE)
    assert counts(task) == {"inserted": 1, "updated": 1}
    assert len(table_rows(desk.house, "dry")) == 3
    assert [t for t in part_tables(desk.house) if t not in before and not t.startswith("r")] == []


def files(rows: int) -> tuple[bytes, bytes, list[list[str | None]]]:
    """A dataset, a file to update it with, and what is to come of it."""
    old = {n: [str(n), f"old {n}", "2020-01-01"] for n in range(0, rows, 2)}
    new = [[str(n), f"new {n}", "2021-06-01"] for n in range(0, rows, 3)] * 2
    made: dict[int, list[str | None]] = {n: [*row] for n, row in old.items()}
    made |= {int(row[0]): [*row] for row in new}
    header = ["id,v,d"]
    base, file = ("\n".join([*header, *(",".join(row) for row in rows), ""]).encode() for rows in (old.values(), new))
    return base, file, list(made.values())


@pytest.mark.parametrize("checkpoints", [1, 3])
def test_killed_in_every_phase_it_ends_the_same(desk: Desk, checkpoints: int, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"killed_{checkpoints}"
    base, file, wanted = files(48)
    desk.run(base, dataset=name)
    task = send(desk.house, file, dataset=name, **UPDATE)
    phases = set()
    while desk.killed_after(checkpoints, monkeypatch):
        phases.add((desk.house.control.get(task.id).cursor or {}).get("merge", {}).get("phase"))
    assert phases >= {"keys", "old", "new"}
    assert table_rows(desk.house, name) == wanted
    assert desk.house.control.get(task.id).counts == {"good": 32, "bad": 0, "inserted": 8, "updated": 24}
    export, _ = desk.house.control.submit("export", {"dataset": name}, actor="ann")
    desk.end(export)
    data = desk.house.control.result(export.id).read_bytes().decode()
    assert data == "id,v,d\n" + "".join(",".join(map(str, row)) + "\n" for row in wanted)


def test_paused_and_stopped_in_its_merge_it_leaves_nothing(desk: Desk) -> None:
    base, file, _ = files(60)
    desk.run(base, dataset="left")
    before = part_tables(desk.house)
    for steps in range(3, 20, 4):
        task = send(desk.house, file, dataset="left", **UPDATE)
        desk.step(steps)
        desk.house.control.act(Verb.PAUSE, task.id, actor="ann")
        assert desk.house.control.get(task.id).state is State.PAUSED
        desk.house.control.act(Verb.STOP, task.id, actor="ann")
        assert part_tables(desk.house) == before


def in_merge(desk: Desk, task: Task, phase: str) -> None:
    """Work on a task, step by step, until it is in this phase of its merge; it is paused there."""
    while (desk.house.control.get(task.id).cursor or {}).get("merge", {}).get("phase") != phase:
        assert desk.step()
    desk.house.control.act(Verb.PAUSE, task.id, actor="ann")


@pytest.mark.parametrize("phase", ["old", "new", "done"])
@pytest.mark.parametrize("how", [SKIP, UPDATE], ids=["skip", "update"])
def test_what_others_do_meanwhile_counts(desk: Desk, phase: str, how: dict[str, Any]) -> None:
    name = f"meanwhile_{phase}_{how['on_conflict']}"
    first = desk.run(b"id,v\n1,a\n2,b\n3,c\n", dataset=name)
    task = send(desk.house, b"id,v\n2,B\n4,D\n5,E\n", dataset=name, **how)
    in_merge(desk, task, phase)
    desk.run(b"id,v\n4,d\n6,f\n", dataset=name)
    desk.house.control.act(Verb.UNDO, first.id, actor="ann")
    desk.house.control.act(Verb.RESUME, task.id, actor="ann")
    assert desk.end(task).state is State.SUCCEEDED
    assert table_rows(desk.house, name) == [
        ["4", "D" if how is UPDATE else "d"],
        ["6", "f"],
        ["2", "B"],
        ["5", "E"],
    ]
    assert counts(desk.house.control.get(task.id))["inserted"] == 2


def test_the_publish_itself_notices_that_the_base_is_another(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another import publishes between the end of the merge and its own publish."""
    from waystation.runner import Attempt

    desk.run(b"id,v\n1,a\n", dataset="raced")
    task = send(desk.house, b"id,v\n1,A\n2,B\n", dataset="raced", **UPDATE)
    raced: list[Task] = []
    finish = Attempt._finish

    def late(attempt: Attempt) -> None:
        if attempt.task.id == task.id and not raced:
            raced.append(send(desk.house, b"id,v\n2,b\n3,c\n", dataset="raced"))
            desk.work()
        finish(attempt)

    monkeypatch.setattr(Attempt, "_finish", late)
    assert desk.end(task).state is State.SUCCEEDED
    assert table_rows(desk.house, "raced") == [["1", "A"], ["2", "B"], ["3", "c"]]
    assert any("begins anew" in str(e.data) for e in desk.house.control.events(task.id))


def test_of_two_that_run_the_older_goes_first(desk: Desk) -> None:
    desk.run(b"id,v\n1,a\n", dataset="two")
    older = send(desk.house, b"id,v\n1,A\n2,B\n", dataset="two", **UPDATE)
    in_merge(desk, older, "old")
    younger = send(desk.house, b"id,v\n2,x\n3,y\n", dataset="two", **UPDATE)
    with desk.house.database.transaction() as connection:  # as if another worker were at it
        connection.execute(
            "UPDATE tasks SET state = 'running', lease_until = now() + interval '1 hour' WHERE id = %s", (older.id,)
        )
    desk.work()
    waiting = desk.house.control.get(younger.id)
    assert waiting.state is State.QUEUED
    assert waiting.cursor["merge"]["phase"] == "old"
    with desk.house.database.transaction() as connection:
        connection.execute("UPDATE tasks SET run_at = now()")
        connection.execute(
            "UPDATE tasks SET state = 'queued', lease_until = NULL, run_at = now() - interval '1 s' WHERE id = %s", (older.id,)
        )
    desk.work()
    assert desk.house.control.get(younger.id).state is State.SUCCEEDED
    assert table_rows(desk.house, "two") == [["1", "A"], ["2", "x"], ["3", "y"]]
