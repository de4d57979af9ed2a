"""An export: the rows that were there when it began, in file order, byte for byte the same whatever happens to it."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from psycopg import sql

from tests.attempts import die_at, leave_at, run_cut, work
from tests.promises.exporting import content, done, export
from tests.support import files_of, part_tables, people_csv, send, timeline
from waystation.errors import DatasetNotFound, InvalidParams, InvalidRange, NoDateColumn, NoResult, UnknownColumn
from waystation.kinds import export_csv
from waystation.model import State, Verb
from waystation.reaper import Reaper
from waystation.storage import drain
from waystation.storage.db import Connection
from waystation.wiring import House


@pytest.fixture(scope="module")
def people(desk: House) -> bytes:
    """A dataset `people` of 20,000 rows in two batches; its rows as a file."""
    one, two = people_csv(13_000, seed=1), people_csv(7_000, seed=2)
    done(desk, send(desk, one, dataset="people"))
    done(desk, send(desk, two, dataset="people"))
    return one + two.split(b"\n", 1)[1]


def test_without_a_range_the_file_comes_back_as_it_was_put_in(desk: House, people: bytes) -> None:
    task = done(desk, export(desk, dataset="people"))
    assert content(desk, task) == people
    assert task.counts == {"rows": 20_000}
    assert (desk.settings.home / "downloads" / f"{task.id}.csv").read_bytes() == people


def test_the_row_count_is_that_of_the_same_question_in_sql(desk: House, people: bytes) -> None:
    task = done(desk, export(desk, dataset="people", **{"from": "2012-03-04", "till": "2014-05-06"}))
    with desk.database.transaction() as connection:
        row = connection.execute(
            "SELECT count(*) AS n FROM datasets.people WHERE record_date BETWEEN '2012-03-04' AND '2014-05-06'"
        ).fetchone()
    assert row is not None
    assert task.result is not None
    assert task.result["rows"] == row["n"] > 0
    assert task.result["by"] == "record_date"


@pytest.mark.parametrize("seed", range(4))
def test_cut_anywhere_by_pauses_and_deaths_the_bytes_are_the_same(desk: House, people: bytes, seed: int) -> None:
    draw = random.Random(seed)
    cuts = [(draw.choice(("left", "dead")), draw.randint(1, 6)) for _ in range(5)]
    task = export(desk, dataset="people")
    ended = run_cut(desk, task, cuts)
    assert ended.state is State.SUCCEEDED
    assert ended.attempt > 3, "it was cut"
    assert content(desk, task) == people
    assert not (desk.settings.home / "segments" / str(task.id)).exists()


def test_rows_that_lie_elsewhere_come_in_their_place(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL fills holes in earlier pages: a file's rows do not lie in its order, and are read by both drains in it."""
    data = people_csv(6_000, seed=11)
    done(desk, send(desk, data, dataset="holes"))
    with desk.database.transaction() as connection:
        [relation] = _relations(desk, "holes")
        connection.execute(f"CREATE TEMP TABLE moved AS SELECT * FROM parts.{relation} WHERE _row % 7 = 0")
        connection.execute(f"DELETE FROM parts.{relation} WHERE _row % 7 = 0")
        connection.execute(f"INSERT INTO parts.{relation} SELECT * FROM moved ORDER BY _row DESC")
    assert content(desk, done(desk, export(desk, dataset="holes"))) == data
    monkeypatch.setattr(drain, "_libpq", None)
    assert content(desk, done(desk, export(desk, dataset="holes"))) == data


def _relations(desk: House, dataset: str) -> list[str]:
    with desk.database.transaction() as connection:
        rows = connection.execute(
            "SELECT p.relation FROM parts p JOIN batches b ON b.id = p.batch WHERE b.dataset = %s ORDER BY p.id", (dataset,)
        )
        return [r["relation"] for r in rows]


def test_a_reading_connection_that_is_cut_costs_nothing_but_time(
    desk: House, people: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a connection that reads is ended here, the attempt's own one lives: the stretch is read again by another."""
    monkeypatch.setattr(export_csv, "STEP", 0.0)
    ended: list[int] = []
    in_order = drain.in_order

    def cut_at_first(connection: Connection, query: sql.Composed, *, delimiter: str) -> drain.Taken:
        if len(ended) < 2:
            ended.append(connection.info.backend_pid)
            with desk.database.transaction() as other:
                other.execute("SELECT pg_terminate_backend(%s, 1000)", (ended[-1],))
        return in_order(connection, query, delimiter=delimiter)

    monkeypatch.setattr(drain, "in_order", cut_at_first)
    task = done(desk, export(desk, dataset="people"))
    assert len(ended) == 2
    assert task.attempt == 1
    assert content(desk, task) == people


def test_a_paused_export_reads_the_same_rows_although_they_were_undone(desk: House) -> None:
    data = people_csv(5_000, seed=5)
    source = done(desk, send(desk, data, dataset="pinned"))
    task = export(desk, dataset="pinned")
    leave_at(desk, 3)
    assert desk.control.get(task.id).done > 0
    desk.control.act(Verb.PAUSE, task.id, actor="ann")
    [relation] = _relations(desk, "pinned")
    desk.control.act(Verb.UNDO, source.id, actor="ann")
    work(desk)
    assert desk.control.get(source.id).state is State.UNDONE
    assert desk.control.dataset("pinned").rows == 0, "gone for readers at once"
    assert relation in part_tables(desk), "and kept for the export"
    done(desk, send(desk, b"other\n1\n", dataset="pinned"))
    desk.control.act(Verb.RESUME, task.id, actor="ann")
    done(desk, task)
    assert content(desk, task) == data
    Reaper(desk.database, desk.files, desk.settings, desk.bell).pass_once(sweep=True)
    assert relation not in part_tables(desk), "the sweep drops what no export reads any more"


def test_stopped_it_leaves_no_file(desk: House, people: bytes) -> None:
    task = export(desk, dataset="people")
    leave_at(desk, 3)
    assert files_of(desk, task)
    desk.control.act(Verb.STOP, task.id, actor="ann")
    work(desk)
    assert desk.control.get(task.id).state is State.STOPPED
    assert files_of(desk, task) == []


def test_undone_its_file_is_gone(desk: House, people: bytes) -> None:
    task = done(desk, export(desk, dataset="people", till="2011-01-01"))
    assert files_of(desk, task)
    desk.control.act(Verb.UNDO, task.id, actor="ann")
    work(desk)
    assert desk.control.get(task.id).state is State.UNDONE
    assert files_of(desk, task) == []
    with pytest.raises(NoResult):
        desk.control.result(task.id)


def test_an_empty_range_gives_the_header_alone(desk: House, people: bytes) -> None:
    task = done(desk, export(desk, dataset="people", **{"from": "1900-01-01", "till": "1900-01-02"}))
    assert content(desk, task) == b"name,age,phone,email,address,record_date\n"


def test_chunks_without_a_day_of_the_range_are_not_read(desk: House) -> None:
    days = [date(2020, 1, 1) + timedelta(days=n // 100) for n in range(6_000)]
    lines = [f"{n},{day}\n".encode() for n, day in enumerate(days)]
    done(desk, send(desk, b"n,day\n" + b"".join(lines), dataset="zones"))
    task = export(desk, dataset="zones", **{"from": "2020-02-01", "till": "2020-02-03"})
    assert die_at(desk, task, 2), "cut before its end"
    ended = done(desk, task)
    assert content(desk, task) == b"n,day\n" + b"".join(
        x for x, day in zip(lines, days, strict=True) if (day.month, day.day) in {(2, 1), (2, 2), (2, 3)}
    )
    assert ended.done == 6_000, "what was passed over counts as done"
    [relation] = _relations(desk, "zones")
    with desk.database.transaction() as connection:
        connection.execute(f"UPDATE parts.{relation} SET day = '2020-02-02' WHERE n < 100")
    again = done(desk, export(desk, dataset="zones", **{"from": "2020-02-01", "till": "2020-02-03"}))
    assert content(desk, again) == content(desk, task), "the ledger says that there is nothing"


def test_rows_without_a_date_come_only_without_a_range(desk: House) -> None:
    done(desk, send(desk, b"n,day\n1,2020-01-01\n2,\n", dataset="gaps"))
    assert content(desk, done(desk, export(desk, dataset="gaps"))) == b"n,day\n1,2020-01-01\n2,\n"
    ranged = done(desk, export(desk, dataset="gaps", **{"from": "2000-01-01"}))
    assert content(desk, ranged) == b"n,day\n1,2020-01-01\n"


def test_both_days_of_the_range_are_whole_and_included(desk: House) -> None:
    rows = b"2020-01-01 00:00:00", b"2020-01-02 23:59:59.999999", b"2020-01-03 00:00:00"
    done(desk, send(desk, b"t\n" + b"\n".join(rows) + b"\n", dataset="days"))
    task = done(desk, export(desk, dataset="days", **{"from": "2020-01-01", "till": "2020-01-02"}))
    assert content(desk, task) == b"t\n" + rows[0] + b"\n" + rows[1] + b"\n"


def test_columns_that_came_later_are_empty_in_earlier_batches(desk: House) -> None:
    done(desk, send(desk, b"a\n1\n", dataset="later"))
    done(desk, send(desk, b"a,b\n2,x\n", dataset="later"))
    assert content(desk, done(desk, export(desk, dataset="later"))) == b"a,b\n1,\n2,x\n"


def test_what_cannot_be_exported_is_refused_at_once(desk: House, people: bytes) -> None:
    done(desk, send(desk, b"a,b\n2020-01-01,2020-01-01\n", dataset="twodates"))
    done(desk, send(desk, b"a\n1\n", dataset="nodates"))
    with pytest.raises(DatasetNotFound):
        export(desk, dataset="nowhere")
    with pytest.raises(InvalidRange):
        export(desk, dataset="people", **{"from": "2020-01-02", "till": "2020-01-01"})
    with pytest.raises(InvalidParams):
        export(desk, dataset="people", **{"from": "yesterday"})
    with pytest.raises(NoDateColumn):
        export(desk, dataset="twodates", **{"from": "2020-01-01"})
    with pytest.raises(NoDateColumn):
        export(desk, dataset="nodates", **{"from": "2020-01-01"})
    with pytest.raises(NoDateColumn):
        export(desk, dataset="people", by="name", **{"from": "2020-01-01"})
    with pytest.raises(UnknownColumn):
        export(desk, dataset="people", by="nothing", **{"from": str(date(2020, 1, 1))})
    assert done(desk, export(desk, dataset="twodates", by="b", **{"from": "2020-01-01"}))


def test_generate_makes_the_same_file_whether_or_not_it_was_paused(desk: House) -> None:
    one, _ = desk.control.submit("generate", {"rows": 50_000, "seed": 3}, actor="ann")
    one = done(desk, one)
    two, _ = desk.control.submit("generate", {"rows": 50_000, "seed": 3}, actor="ann")
    two = run_cut(desk, two, [("left", 2), ("dead", 1), ("left", 1)])
    assert two.attempt == 4
    assert "lease lost" in timeline(desk, two)
    assert content(desk, one) == content(desk, two) == people_csv(50_000, seed=3)
