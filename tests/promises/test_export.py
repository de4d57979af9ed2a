"""An export: the rows that were there when it began, in file order, byte for byte the same whatever happens to it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support import at_state, files_of, part_tables, people_csv, send, wait_until
from waystation.errors import DatasetNotFound, InvalidParams, InvalidRange, NoDateColumn, NoResult, UnknownColumn
from waystation.model import State, Task, Verb
from waystation.wiring import House

TOWN = {"chunk_rows": 500}


def export(town: House, **params: object) -> Task:
    task, _ = town.control.submit("export", params, actor="ann")
    return task


def content(town: House, task: Task) -> bytes:
    return town.control.result(task.id).path.read_bytes()


@pytest.fixture(scope="module")
def people(town: House) -> bytes:
    """A dataset `people` of 40,000 rows in two batches; its rows as a file."""
    one, two = people_csv(25_000, seed=1), people_csv(15_000, seed=2)
    at_state(town, send(town, one, dataset="people"), State.SUCCEEDED)
    at_state(town, send(town, two, dataset="people"), State.SUCCEEDED)
    return one + two.split(b"\n", 1)[1]


def test_without_a_range_the_file_comes_back_as_it_was_put_in(town: House, people: bytes) -> None:
    task = at_state(town, export(town, dataset="people"), State.SUCCEEDED)
    assert content(town, task) == people
    assert task.counts == {"rows": 40_000}
    assert (town.settings.home / "downloads" / f"{task.id}.csv").read_bytes() == people


def test_the_row_count_is_that_of_the_same_question_in_sql(town: House, people: bytes) -> None:
    task = at_state(town, export(town, dataset="people", **{"from": "2012-03-04", "till": "2014-05-06"}), State.SUCCEEDED)
    with town.database.transaction() as connection:
        row = connection.execute(
            "SELECT count(*) AS n FROM datasets.people WHERE record_date BETWEEN '2012-03-04' AND '2014-05-06'"
        ).fetchone()
    assert row is not None
    assert task.result is not None
    assert task.result["rows"] == row["n"] > 0
    assert task.result["by"] == "record_date"


@pytest.mark.parametrize("pauses", [1, 3])
def test_paused_and_resumed_the_bytes_are_the_same(town: House, people: bytes, pauses: int) -> None:
    task = export(town, dataset="people")
    for n in range(pauses):
        wait_until(lambda n=n: town.control.get(task.id).done > 5000 * (n + 1), 20)  # type: ignore[misc]
        town.control.act(Verb.PAUSE, task.id, actor="ann")
        paused = at_state(town, task, State.PAUSED, State.SUCCEEDED)
        assert paused.state is State.PAUSED
        town.control.act(Verb.RESUME, task.id, actor="ann")
    ended = at_state(town, task, State.SUCCEEDED)
    assert ended.attempt == pauses + 1
    assert content(town, task) == people
    assert not (town.settings.home / "segments" / str(task.id)).exists()


def test_a_paused_export_reads_the_same_rows_although_they_were_undone(town: House) -> None:
    data = people_csv(20_000, seed=5)
    source = at_state(town, send(town, data, dataset="pinned"), State.SUCCEEDED)
    task = export(town, dataset="pinned")
    wait_until(lambda: town.control.get(task.id).done > 2000, 20)
    town.control.act(Verb.PAUSE, task.id, actor="ann")
    at_state(town, task, State.PAUSED)
    town.control.act(Verb.UNDO, source.id, actor="ann")
    at_state(town, source, State.UNDONE)
    assert town.control.dataset("pinned").rows == 0, "gone for readers at once"
    assert part_tables(town), "and kept for the export"
    at_state(town, send(town, b"other\n1\n", dataset="pinned"), State.SUCCEEDED)
    town.control.act(Verb.RESUME, task.id, actor="ann")
    at_state(town, task, State.SUCCEEDED)
    assert content(town, task) == data
    with town.database.transaction() as connection:
        relation = connection.execute(
            "SELECT 'p' || p.id AS name FROM parts p JOIN batches b ON b.id = p.batch WHERE b.task = %s", (source.id,)
        ).fetchone()
    assert relation is not None
    wait_until(lambda: relation["name"] not in part_tables(town), 40)  # the sweep drops what no export reads any more


def test_stopped_it_leaves_no_file(town: House, people: bytes) -> None:
    task = export(town, dataset="people")
    wait_until(lambda: town.control.get(task.id).done > 2000, 20)
    town.control.act(Verb.STOP, task.id, actor="ann")
    at_state(town, task, State.STOPPED)
    assert files_of(town, task) == []


def test_undone_its_file_is_gone(town: House, people: bytes) -> None:
    task = at_state(town, export(town, dataset="people", till="2011-01-01"), State.SUCCEEDED)
    assert files_of(town, task)
    town.control.act(Verb.UNDO, task.id, actor="ann")
    at_state(town, task, State.UNDONE)
    assert files_of(town, task) == []
    with pytest.raises(NoResult):
        town.control.result(task.id)


def test_an_empty_range_gives_the_header_alone(town: House, people: bytes) -> None:
    task = at_state(town, export(town, dataset="people", **{"from": "1900-01-01", "till": "1900-01-02"}), State.SUCCEEDED)
    assert content(town, task) == b"name,age,phone,email,address,record_date\n"


def test_rows_without_a_date_come_only_without_a_range(town: House) -> None:
    at_state(town, send(town, b"n,day\n1,2020-01-01\n2,\n", dataset="gaps"), State.SUCCEEDED)
    assert content(town, at_state(town, export(town, dataset="gaps"), State.SUCCEEDED)) == b"n,day\n1,2020-01-01\n2,\n"
    ranged = at_state(town, export(town, dataset="gaps", **{"from": "2000-01-01"}), State.SUCCEEDED)
    assert content(town, ranged) == b"n,day\n1,2020-01-01\n"


def test_both_days_of_the_range_are_whole_and_included(town: House) -> None:
    rows = b"2020-01-01 00:00:00", b"2020-01-02 23:59:59.999999", b"2020-01-03 00:00:00"
    at_state(town, send(town, b"t\n" + b"\n".join(rows) + b"\n", dataset="days"), State.SUCCEEDED)
    task = at_state(town, export(town, dataset="days", **{"from": "2020-01-01", "till": "2020-01-02"}), State.SUCCEEDED)
    assert content(town, task) == b"t\n" + rows[0] + b"\n" + rows[1] + b"\n"


def test_columns_that_came_later_are_empty_in_earlier_batches(town: House) -> None:
    at_state(town, send(town, b"a\n1\n", dataset="later"), State.SUCCEEDED)
    at_state(town, send(town, b"a,b\n2,x\n", dataset="later"), State.SUCCEEDED)
    assert content(town, at_state(town, export(town, dataset="later"), State.SUCCEEDED)) == b"a,b\n1,\n2,x\n"


def test_what_cannot_be_exported_is_refused_at_once(town: House, people: bytes) -> None:
    at_state(town, send(town, b"a,b\n2020-01-01,2020-01-01\n", dataset="twodates"), State.SUCCEEDED)
    at_state(town, send(town, b"a\n1\n", dataset="nodates"), State.SUCCEEDED)
    with pytest.raises(DatasetNotFound):
        export(town, dataset="nowhere")
    with pytest.raises(InvalidRange):
        export(town, dataset="people", **{"from": "2020-01-02", "till": "2020-01-01"})
    with pytest.raises(InvalidParams):
        export(town, dataset="people", **{"from": "yesterday"})
    with pytest.raises(NoDateColumn):
        export(town, dataset="twodates", **{"from": "2020-01-01"})
    with pytest.raises(NoDateColumn):
        export(town, dataset="nodates", **{"from": "2020-01-01"})
    with pytest.raises(NoDateColumn):
        export(town, dataset="people", by="name", **{"from": "2020-01-01"})
    with pytest.raises(UnknownColumn):
        export(town, dataset="people", by="nothing", **{"from": str(date(2020, 1, 1))})
    assert at_state(town, export(town, dataset="twodates", by="b", **{"from": "2020-01-01"}), State.SUCCEEDED)


def test_generate_makes_the_same_file_whether_or_not_it_was_paused(town: House) -> None:
    one, _ = town.control.submit("generate", {"rows": 50_000, "seed": 3}, actor="ann")
    one = at_state(town, one, State.SUCCEEDED)
    two, _ = town.control.submit("generate", {"rows": 50_000, "seed": 3}, actor="ann")
    town.control.act(Verb.PAUSE, two.id, actor="ann")
    at_state(town, two, State.PAUSED, State.SUCCEEDED)
    if town.control.get(two.id).state is State.PAUSED:
        town.control.act(Verb.RESUME, two.id, actor="ann")
    two = at_state(town, two, State.SUCCEEDED)
    assert content(town, one) == content(town, two) == people_csv(50_000, seed=3)
