"""An import: exact, explained, published in one moment, taken back in one moment."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel

from tests.conftest import StartWorker, end_worker
from tests.support import (
    at_state,
    files_of,
    parsed,
    part_tables,
    people_csv,
    send,
    table_rows,
    wait_until,
)
from waystation.errors import EmptyFile, InvalidName, NoRows, NotCsv, UnknownColumn, UploadNotFound
from waystation.model import State, Task, Verb
from waystation.sdk import Checkpoint, Context, Steps
from waystation.sdk import task as kind
from waystation.wiring import House

TOWN = {"chunk_rows": 1000}


def undo(town: House, task: Task) -> None:
    """Undo, and wait for its end: it is at once, unless a reader (or autovacuum) is in the way just then."""
    town.control.act(Verb.UNDO, task.id, actor="ann")
    at_state(town, task, State.UNDONE)


class Lax(BaseModel):
    """A kind of somebody's own, whose upload is any text."""

    upload: str


@kind("lax")
def lax(ctx: Context, params: Lax, cursor: int = 0) -> Steps:
    """Nothing."""
    yield Checkpoint()


def test_what_is_no_upload_is_told_to_a_kind_that_takes_any_text(house: House) -> None:
    house.registry.add(lax)
    with pytest.raises(UploadNotFound, match="There is no upload"):
        house.control.submit("lax", {"upload": "people.csv"}, actor="ann")


def test_every_row_arrives_as_it_was_in_the_order_of_the_file(town: House) -> None:
    data = people_csv(20_000)
    task = at_state(town, send(town, data, dataset="order_of"), State.SUCCEEDED)
    assert table_rows(town, "order_of") == parsed(data)
    assert task.counts == {"good": 20_000, "bad": 0}
    assert task.result is not None
    assert (task.result["rows"], task.result["rejected"]) == (20_000, 0)


def test_a_batch_read_by_its_ledger_gives_the_order_of_its_file(town: House) -> None:
    """Rows do not lie in the order in which they were copied: PostgreSQL fills holes in earlier pages. The ledger's
    runs of `_row` give the file's order all the same."""
    data = b"n,filler\n" + b"".join(b"%d,%s\n" % (n, b"x" * (7 * n % 400)) for n in range(30_000))
    task = at_state(town, send(town, data, dataset="ledger"), State.SUCCEEDED)
    with town.database.transaction() as connection:
        lying = [r["n"] for r in connection.execute("SELECT n FROM datasets.ledger ORDER BY ctid")]
        assert lying != sorted(lying), "the trap is there: else this test shows nothing"
        chunks = connection.execute(
            "SELECT c.first_row, c.last_row FROM chunks c JOIN batches b ON b.id = c.batch WHERE b.task = %s"
            " ORDER BY c.start_offset",
            (task.id,),
        ).fetchall()
        assert len(chunks) > 3
        read = [
            r["n"]
            for c in chunks
            for r in connection.execute(
                "SELECT n FROM datasets.ledger WHERE _row BETWEEN %s AND %s ORDER BY _row", (c["first_row"], c["last_row"])
            )
        ]
    assert read == list(range(30_000))


def test_readers_see_nothing_of_a_running_import_and_then_all_of_it(town: House) -> None:
    at_state(town, send(town, b"n\n1\n2\n", dataset="atomic"), State.SUCCEEDED)
    task = send(town, b"n\n" + b"".join(b"%d\n" % n for n in range(60_000)), dataset="atomic")
    seen: set[int] = set()

    def look() -> bool:
        with town.database.transaction() as connection:
            row = connection.execute("SELECT count(*) AS n FROM datasets.atomic").fetchone()
        assert row is not None
        seen.add(row["n"])
        return town.control.get(task.id).state is State.SUCCEEDED

    wait_until(look, 30, every=0.0)
    look()
    assert seen <= {2, 60_002}


def test_a_stop_half_way_leaves_no_row_no_table_and_no_file(town: House) -> None:
    before = part_tables(town)
    task = send(town, people_csv(60_000), dataset="stopped")
    wait_until(lambda: town.control.get(task.id).counts.get("good", 0) > 5000, 30)
    town.control.act(Verb.STOP, task.id, actor="ann")
    at_state(town, task, State.STOPPED)
    assert part_tables(town) == before
    assert files_of(town, task) == []
    assert "stopped" not in [d.name for d in town.control.datasets()]


def test_a_stop_of_a_paused_import_needs_no_worker(house: House, start_worker: StartWorker) -> None:
    before = part_tables(house)
    worker = start_worker(slots=1, chunk_rows=1000)
    task = send(house, people_csv(60_000), dataset="stopped")
    wait_until(lambda: house.control.get(task.id).counts.get("good", 0) > 2000, 30)
    house.control.act(Verb.PAUSE, task.id, actor="ann")
    at_state(house, task, State.PAUSED)
    end_worker(worker)  # one that has just paused it might claim it first
    assert house.control.act(Verb.STOP, task.id, actor="ann").state is State.STOPPED, "in the same request"
    assert part_tables(house) == before


def test_an_undo_takes_one_batch_and_leaves_the_others(town: House) -> None:
    first = at_state(town, send(town, b"n\n1\n2\n", dataset="two"), State.SUCCEEDED)
    second = at_state(town, send(town, b"n\n3\n", dataset="two"), State.SUCCEEDED)
    undo(town, first)
    assert table_rows(town, "two") == [["3"]]
    assert [(b.task, b.visible) for b in town.control.batches("two")] == [(second.id, True), (first.id, False)]
    undo(town, second)
    assert (town.control.dataset("two").rows, town.control.dataset("two").columns) == (0, ())


def test_a_dataset_without_a_batch_has_no_schema(town: House) -> None:
    """The file with swapped columns, once undone, leaves no trace."""
    wrong = at_state(town, send(town, b"age,name\nBob,41\n", dataset="swapped"), State.SUCCEEDED)
    undo(town, wrong)
    right = at_state(town, send(town, b"age,name\n41,Bob\n", dataset="swapped"), State.SUCCEEDED)
    assert [(c.name, c.type) for c in town.control.dataset("swapped").columns] == [("age", "bigint"), ("name", "text")]
    assert right.counts == {"good": 1, "bad": 0}


def test_new_columns_are_added_and_missing_ones_are_null(town: House) -> None:
    at_state(town, send(town, b"a,b\n1,x\n", dataset="grown"), State.SUCCEEDED)
    at_state(town, send(town, b"b,c\ny,2020-01-01\n", dataset="grown"), State.SUCCEEDED)
    assert [c.name for c in town.control.dataset("grown").columns] == ["a", "b", "c"]
    assert table_rows(town, "grown") == [["1", "x", None], [None, "y", "2020-01-01"]]


def test_the_datasets_own_type_rules_and_what_does_not_fit_is_a_reject(town: House) -> None:
    at_state(town, send(town, b"a\n1\n", dataset="typed"), State.SUCCEEDED)
    task = at_state(town, send(town, b"a\nx\n2\n", dataset="typed"), State.SUCCEEDED)
    assert task.counts == {"good": 1, "bad": 1}
    assert table_rows(town, "typed") == [["1"], ["2"]]


def test_a_type_that_changed_meanwhile_fails_with_a_remedy(town: House) -> None:
    slow = send(town, b"a\n" + b"1\n" * 80_000, dataset="raced")
    wait_until(lambda: town.control.get(slow.id).counts.get("good", 0) > 0, 20)
    town.control.act(Verb.PAUSE, slow.id, actor="ann")
    at_state(town, slow, State.PAUSED)
    at_state(town, send(town, b"a\nx\n", dataset="raced"), State.SUCCEEDED)
    town.control.act(Verb.RESUME, slow.id, actor="ann")
    failed = at_state(town, slow, State.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == "schema-conflict"
    assert failed.error["remedy"]
    town.control.act(Verb.STOP, slow.id, actor="ann")
    assert table_rows(town, "raced") == [["x"]]


def test_rejects_name_line_column_value_and_reason(town: House) -> None:
    data = (
        b"name,age,born\n"
        b'"Ann\nof two lines",41,1980-01-01\n'
        b"Bob,many,1981-02-03\n"
        b"Cid,42\n"
        b"Dan,43,1983-02-30\n"
        b"Eve,44,1984-01-01,extra\n"
        b"F\xff,45,1985-01-01\n"
        b"Gus,46,1986-01-01\n"
    )
    types = {"age": "bigint", "born": "date"}
    task = at_state(town, send(town, data, dataset="rejects", types=types), State.SUCCEEDED)
    rows = town.control.reject_rows(task.id)
    assert [(r["line"], r["col"]) for r in rows] == [(4, "age"), (5, None), (6, "born"), (7, None), (8, "name")]
    assert rows[0]["value"] == "many"
    assert "whole number" in rows[0]["reason"]
    assert "February" in rows[2]["reason"]
    text = b"".join(town.control.rejects(task.id)).decode()
    assert text.splitlines()[0] == "name,age,born,_line,_error"
    assert task.counts == {"good": 2, "bad": 5}


def test_mended_rejects_complete_the_dataset(town: House) -> None:
    first = at_state(town, send(town, b"n,s\n1,a\nx,b\n", dataset="mended", types={"n": "bigint"}), State.SUCCEEDED)
    mended = b"".join(town.control.rejects(first.id)).replace(b"x,b", b"2,b")
    second = at_state(town, send(town, mended, dataset="mended"), State.SUCCEEDED)
    assert second.counts == {"good": 1, "bad": 0}
    assert table_rows(town, "mended") == [["1", "a"], ["2", "b"]]


def test_a_spent_budget_fails_with_the_checkpoint_kept_and_a_retry_goes_on(town: House) -> None:
    data = b"n\n" + b"".join(b"%s\n" % (b"x" if n % 100 == 0 else b"%d" % n) for n in range(30_000))
    task = at_state(town, send(town, data, dataset="budget", types={"n": "bigint"}, max_errors=20), State.FAILED)
    assert task.error is not None
    assert task.error["code"] == "too-many-rejects"
    assert len(town.control.reject_rows(task.id, limit=1000)) > 20, "what broke the budget can be looked at"
    assert 0 < task.done < (task.total or 0)
    town.control.act(Verb.RETRY, task.id, actor="ann", params={"max_errors": None})
    ended = at_state(town, task, State.SUCCEEDED)
    assert ended.counts == {"good": 29_700, "bad": 300}
    assert len(table_rows(town, "budget")) == 29_700


def test_on_error_abort_names_the_line(town: House) -> None:
    task = at_state(town, send(town, b"n\n1\nx\n", dataset="abort", types={"n": "bigint"}, on_error="abort"), State.FAILED)
    assert task.error is not None
    assert (task.error["code"], task.error["line"]) == ("aborted-on-error", 3)


def test_a_dry_run_checks_everything_and_publishes_nothing(town: House) -> None:
    task = at_state(town, send(town, b"n\n1\nx\n", dataset="dry", types={"n": "bigint"}, dry_run=True), State.SUCCEEDED)
    assert task.counts == {"good": 1, "bad": 1}
    assert [r["value"] for r in town.control.reject_rows(task.id)] == ["x"]
    assert "dry" not in [d.name for d in town.control.datasets()]


@pytest.mark.parametrize(
    ("data", "params", "error"),
    [
        (b"", {}, EmptyFile),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {}, NotCsv),
        (b"a,b\n", {}, NoRows),
        (b"a\n1\n", {"dataset": "No Good"}, InvalidName),
        (b"a\n1\n", {"types": {"b": "bigint"}}, UnknownColumn),
    ],
)
def test_what_is_no_csv_is_refused_at_once(town: House, data: bytes, params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        send(town, data, **params)


def test_an_upload_belongs_to_one_task(town: House) -> None:
    task = send(town, b"n\n1\n", dataset="once")
    with pytest.raises(UploadNotFound):
        town.control.submit("import", {"upload": task.params["upload"]}, actor="ann")
    at_state(town, task, State.SUCCEEDED)


def test_a_publish_never_queues_before_others_behind_a_long_reader(town: House) -> None:
    at_state(town, send(town, b"n\n1\n", dataset="busy"), State.SUCCEEDED)
    second = at_state(town, send(town, b"n\n2\n", dataset="busy"), State.SUCCEEDED)
    with psycopg.connect(town.database_url) as reader:
        reader.execute("SELECT count(*) FROM datasets.busy")  # a transaction that stays open
        undone = town.control.act(Verb.UNDO, second.id, actor="ann")
        assert undone.state is State.REVERTING, "the detach has to wait for the reader"
        with psycopg.connect(town.database_url) as other:
            other.execute("SET lock_timeout = '1s'")
            for _ in range(30):  # others read on: nobody queues before them for longer than the publish lock timeout
                other.execute("SELECT count(*) FROM datasets.busy")
                other.commit()
        assert town.control.get(second.id).state is State.REVERTING
    at_state(town, second, State.UNDONE)
    assert table_rows(town, "busy") == [["1"]]


def test_imports_of_one_dataset_at_the_same_time_both_arrive(town: House) -> None:
    tasks = [send(town, b"n\n" + b"%d\n" % i * 2000, dataset="both") for i in range(4)]
    for task in tasks:
        at_state(town, task, State.SUCCEEDED)
    assert len(table_rows(town, "both")) == 8000
    threads = [threading.Thread(target=town.control.act, args=(Verb.UNDO, t.id), kwargs={"actor": "ann"}) for t in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for task in tasks:
        at_state(town, task, State.UNDONE)
    assert town.control.dataset("both").rows == 0
