"""Each option of an import: what it does to the rows, and what is said of it."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from rich.console import Console

from tests.imports.conftest import Desk
from tests.support import send, table_rows
from waystation.cli import look
from waystation.client import Client
from waystation.client import Task as ClientTask
from waystation.errors import InvalidParams, UnknownColumn
from waystation.kinds import budget
from waystation.model import State, Verb
from waystation.web.shapes import TaskOut

HOUSE = {"chunk_rows": 100}


def columns(desk: Desk, name: str) -> dict[str, str]:
    return {c.name: c.type for c in desk.house.control.dataset(name).columns}


@pytest.mark.parametrize(
    ("data", "params", "names", "rows"),
    [
        (b"a|b,c\n1|2\n", {"delimiter": "|"}, {"a": "bigint", "b,c": "bigint"}, [["1", "2"]]),
        (b"a,b\n'x,y',1\n", {"quote": "'"}, {"a": "text", "b": "bigint"}, [["x,y", "1"]]),
        (b'a,b\n"x,1\n', {"quote": None}, {"a": "text", "b": "bigint"}, [['"x', "1"]]),
        (b'a,b\n"x\\"y",1\n', {"escape": "\\"}, {"a": "text", "b": "bigint"}, [['x"y', "1"]]),
        (b"1,x\n2,y\n", {"header": False}, {"column_1": "bigint", "column_2": "text"}, [["1", "x"], ["2", "y"]]),
        (b"1,x\n2,y\n", {"header": ["n", "w"]}, {"n": "bigint", "w": "text"}, [["1", "x"], ["2", "y"]]),
        (b"a,b,\n1,x,\n2,y,\n", {}, {"a": "bigint", "b": "text"}, [["1", "x"], ["2", "y"]]),
        (b"a,b\n1\n2,y\n", {"ragged": "fill"}, {"a": "bigint", "b": "text"}, [["1", None], ["2", "y"]]),
        (b"a,b\n\n1,x\n\r\n2,y\n\n", {}, {"a": "bigint", "b": "text"}, [["1", "x"], ["2", "y"]]),
        (b"a,b,c\n1,2,3\n", {"columns": ["c", "a"]}, {"c": "bigint", "a": "bigint"}, [["3", "1"]]),
        (b"First Name,b\nAda,2\n", {"columns": {"First Name": "name"}}, {"name": "text"}, [["Ada"]]),
        (b"a\n1,234\na;b\n", {"delimiter": ";", "thousands": ","}, {"a": "bigint"}, [["1234"]]),
        (b"a;b\n1.234,5;x\n", {"thousands": ".", "decimal": ","}, {"a": "numeric", "b": "text"}, [["1234.5", "x"]]),
        (b"a,b\nNA,x\n1,-\n", {"nulls": ["NA", "-"]}, {"a": "bigint", "b": "text"}, [[None, "x"], ["1", None]]),
        (b"d\n31/12/2020\n", {}, {"d": "date"}, [["2020-12-31"]]),
        (b"d\n01/02/2020\n", {}, {"d": "text"}, [["01/02/2020"]]),
        (b"d\n01/02/2020\n", {"dates": "dmy"}, {"d": "date"}, [["2020-02-01"]]),
        (b"d\n01/02/2020\n", {"dates": "mdy"}, {"d": "date"}, [["2020-01-02"]]),
        (b"d\n13/02/2020\n", {"types": {"d": "timestamp"}}, {"d": "timestamp"}, [["2020-02-13 00:00:00"]]),
        (b"t\n10:20\n", {}, {"t": "time"}, [["10:20:00"]]),
        (b"a\n1\n", {"types": {"a": "integer"}}, {"a": "integer"}, [["1"]]),
        (b"a,'=b\n'=1,'-2\n''=1,it's\n", {"formulas": "unguard"}, {"a": "text", "=b": "text"}, [["=1", "-2"], ["'=1", "it's"]]),
        (b"a\n'=1\n", {}, {"a": "text"}, [["'=1"]]),
        (b'j\n"{""a"": 1}"\n', {}, {"j": "json"}, [['{"a": 1}']]),
    ],
)
def test_the_rows_are_as_asked(
    desk: Desk,
    data: bytes,
    params: dict[str, Any],
    names: dict[str, str],
    rows: list[list[str | None]],
    request: pytest.FixtureRequest,
) -> None:
    name = f"asked_{abs(hash(request.node.name))}"
    desk.run(data, dataset=name, **params)
    assert columns(desk, name) == names
    assert list(columns(desk, name)) == list(names), "in the order asked"
    assert table_rows(desk.house, name) == rows


def test_every_type_can_be_asked_and_why_it_was_taken_is_told(desk: Desk) -> None:
    values = {
        "integer": "7",
        "bigint": "8",
        "numeric": "1.50",
        "double": "1e3",
        "boolean": "yes",
        "date": "2020-01-02",
        "timestamp": "2020-01-02 03:04:05",
        "time": "03:04",
        "uuid": "6F9619FF8B86D011B42D00CF4FC964FF",
        "json": '{"b": 1, "a": 2}',
        "text": "007",
    }
    data = ("|".join(values) + "\n" + "|".join(values.values()) + "\n").encode()
    task = desk.run(data, dataset="types", delimiter="|", quote=None, types={name: name for name in values})
    assert columns(desk, "types") == {name: name for name in values}
    assert task.result is not None
    assert [c["why"] for c in task.result["columns"]] == ["named in the request"] * len(values)
    [row] = table_rows(desk.house, "types")
    assert row[:5] == ["7", "8", "1.50", "1000", "true"]
    assert row[5:8] == ["2020-01-02", "2020-01-02 03:04:05", "03:04:00"]
    assert row[8:] == ["6f9619ff-8b86-d011-b42d-00cf4fc964ff", '{"b": 1, "a": 2}', "007"]
    desk.run(b"n,phone\n1,+49 30 1234\n2,030 1234\n", dataset="why")
    assert [c.why for c in desk.house.control.dataset("why").columns] == [
        "all 2 sampled values are whole numbers",
        "a number would change values such as '+49 30 1234'",
    ]
    later = desk.run(b"n,phone,new\n3,+1,2020-01-01\n", dataset="why")
    assert later.result is not None
    assert [c["why"] for c in later.result["columns"]] == ["the dataset's own type"] * 2 + ["all 1 sampled values are dates"]
    assert desk.house.control.dataset("why").columns[0].why == "all 2 sampled values are whole numbers"


def test_a_date_that_contradicts_what_the_file_settled_is_a_reject(desk: Desk) -> None:
    rows = ["13/02/2020"] * 200 + ["02/13/2020"]
    data = "d\n" + "".join(f"{row}\n" for row in rows)
    task = desk.run(data.encode(), dataset="contradicted", types={"d": "date"}, dates="dmy")
    assert task.counts == {"good": 200, "bad": 1}
    [reject] = desk.house.control.reject_rows(task.id)
    assert (reject["line"], reject["value"]) == (202, "02/13/2020")


def test_a_column_of_dates_that_nothing_settles_says_so(desk: Desk) -> None:
    task = desk.run(b"d\n01/02/2020\n", dataset="unsettled")
    assert task.result is not None
    assert "say which (`dates`)" in task.result["columns"][0]["why"]


def test_a_first_line_that_could_be_a_row_is_told(desk: Desk) -> None:
    task = desk.run(b"17,2020-01-01,x\n18,2020-01-02,y\n", dataset="headless")
    assert task.result is not None
    assert "header=false" in task.result["warnings"][0]
    assert any("header=false" in str(e.data) for e in desk.house.control.events(task.id))
    for data in (b"n,day,name\n18,2020-01-02,y\n", b"name,2019,kind\nx,5,y\n"):
        task = desk.run(data, dataset=f"headed_{data[0]}", types={"name": "text"})
        assert task.result is not None
        assert task.result["warnings"] == []


def test_constraints_make_rejects_in_words(desk: Desk) -> None:
    rules = {
        "age": {"required": True, "min": 0, "max": 120},
        "code": {"pattern": "[A-Z]{2}[0-9]+"},
        "kind": {"one_of": ["new", "old"]},
    }
    data = b"age,code,kind\n41,AB1,new\n,AB2,old\n121,AB3,new\n-1,AB4,old\n5,b,new\n6,AB5,odd\n7,,\n"
    task = desk.run(data, dataset="ruled", constraints=rules)
    assert [(r["line"], r["col"], r["reason"]) for r in desk.house.control.reject_rows(task.id)] == [
        (3, "age", "a value is required"),
        (4, "age", "'121' is more than 120"),
        (5, "age", "'-1' is less than 0"),
        (6, "code", "'b' does not fit the pattern '[A-Z]{2}[0-9]+'"),
        (7, "kind", "'odd' is not one of 'new', 'old'"),
    ]
    assert table_rows(desk.house, "ruled") == [["41", "AB1", "new"], ["7", None, None]]


def test_what_is_asked_of_a_column_is_checked_before_a_row_is_read(desk: Desk) -> None:
    for params, error in (
        ({"constraints": {"b": {"required": True}}}, UnknownColumn),
        ({"columns": ["a", "z"]}, UnknownColumn),
        ({"columns": ["a"], "types": {"b": "text"}}, UnknownColumn),
        ({"columns": {"a": "x", "b": "x"}}, InvalidParams),
        ({"types": {"a": "bigint"}, "constraints": {"a": {"min": "x"}}}, InvalidParams),
    ):
        with pytest.raises(error):
            send(desk.house, b"a,c\n1,2\n" if "constraints" in params else b"a,b\n1,2\n", dataset="unasked", **params)
    task = desk.end(send(desk.house, b"a,b\nx,2\n", dataset="unasked", constraints={"a": {"min": 1}}))
    assert task.state is State.FAILED
    assert task.error is not None
    assert task.error["code"] == "invalid-params", "that the column is text, only its values tell"


def test_a_replace_shows_the_old_rows_until_the_new_are_in_and_its_undo_brings_them_back(desk: Desk) -> None:
    desk.run(b"n,a\n1,x\n", dataset="replaced")
    desk.run(b"n,a\n2,y\n", dataset="replaced")
    new = send(desk.house, b"n,b\n3,z\n", dataset="replaced", mode="replace")
    assert desk.step()
    assert table_rows(desk.house, "replaced") == [["1", "x"], ["2", "y"]]
    assert desk.end(new).state is State.SUCCEEDED
    assert table_rows(desk.house, "replaced") == [["3", None, "z"]]
    more = desk.run(b"n\n4\n", dataset="replaced")
    assert desk.house.control.dataset("replaced").rows == 2
    desk.house.control.act(Verb.UNDO, new.id, actor="ann")
    assert table_rows(desk.house, "replaced") == [["1", "x", None], ["2", "y", None], ["4", None, None]]
    desk.house.control.act(Verb.UNDO, more.id, actor="ann")
    assert table_rows(desk.house, "replaced") == [["1", "x", None], ["2", "y", None]]


@pytest.mark.parametrize(
    ("share", "bad", "fails"), [("1%", 10, False), ("1%", 11, True), ("0.5%", 6, True), ("0%", 1, True), ("100%", 990, False)]
)
def test_a_budget_that_is_a_share_is_of_all_rows(desk: Desk, share: str, bad: int, fails: bool) -> None:
    """Even if all that are bad stand first: a share is never judged by a part of the file."""
    data = b"n\n" + b"x\n" * bad + b"1\n" * (1000 - bad)
    task = desk.end(send(desk.house, data, dataset="shared", types={"n": "bigint"}, max_errors=share, dry_run=True))
    assert (task.state is State.FAILED) is fails, task.error
    if fails:
        assert task.error is not None
        assert share in task.error["detail"]
        desk.house.control.act(Verb.RETRY, task.id, actor="ann", params={"max_errors": "99%"})
        assert desk.end(task).counts == {"good": 1000 - bad, "bad": bad}


def test_a_share_that_can_not_be_kept_fails_before_the_end(desk: Desk) -> None:
    task = desk.end(send(desk.house, b"n\n" + b"xxxxxxxx\n" * 5000, dataset="hopeless", types={"n": "bigint"}, max_errors="1%"))
    assert task.state is State.FAILED
    assert task.counts["bad"] < 2500


@pytest.mark.parametrize(
    ("value", "made"), [(5, 5), ("5", 5), ("1%", "1%"), ("0.50 %", "0.5%"), (" 100%", "100%"), (None, None)]
)
def test_budgets_as_they_may_be_said(value: object, made: budget.MaxErrors) -> None:
    assert budget.parse(value) == made


@pytest.mark.parametrize("value", [-1, "-1", "x", "101%", "1e1%", "%", True, 1.5, "", "٣"])
def test_what_is_no_budget(value: object) -> None:
    with pytest.raises(InvalidParams):
        budget.parse(value)


def test_rejects_are_counted_by_what_is_wrong_with_them(desk: Desk) -> None:
    rows = [f"{n},2020-01-01" for n in range(500)] + ["x,2020-01-01"] * 7 + [f"y{n},2020-13-0{n}" for n in range(4)]
    rows += ["1", "1,2,3", "9,2020-02-31", "9,2020-04-31"]
    data = "\n".join(["n,d", *rows, ""]).encode()
    told: list[dict[str, Any]] = [
        {"column": "n", "reason": "is not a whole number", "rows": 11},
        {"column": None, "reason": "has another number of fields than the header, which has 2", "rows": 2},
        {"column": "d", "reason": "is not a date: its month has fewer days", "rows": 2},
    ]
    params: dict[str, Any] = {"types": {"n": "bigint", "d": "date"}, "dataset": "counted"}
    task = desk.run(data, **params)
    assert task.result is not None
    assert task.result["reasons"] == told
    broken = desk.end(send(desk.house, data, allow_duplicate=True, max_errors=5, **params))
    assert broken.error is not None
    assert broken.error["reasons"] == [{**told[0], "rows": 6}]
    out = TaskOut.of(broken)
    assert out.rejects is not None
    assert out.rejects.model_dump()["reasons"] == broken.error["reasons"]


def test_the_reasons_are_shown_on_the_page_and_by_the_command_line(desk: Desk, client: FlaskClient) -> None:
    task = desk.run(b"n,a b\n1,x\nno,y\nnone,z\n4\n", dataset="shown", types={"n": "bigint"})
    shown = client.get(f"/tasks/{task.id}").get_json()
    out = io.StringIO()
    look.sheet(Console(file=out, width=200), ClientTask(Client(), shown), [])
    words = " ".join(out.getvalue().split())
    assert "rejects 3 2 n: is not a whole number 1 has another number of fields than the header" in words
    page = client.get(f"/tasks/{task.id}", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert re.search(r"<b>2.rows</b> <code>n</code> is not a whole number", page)
    assert "has another number of fields than the header, which has 2" in page


def test_the_counts_outlive_kills(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{n}" if n % 3 else f"x{n}" for n in range(1000)]
    task = send(desk.house, "\n".join(["n", *rows, ""]).encode(), dataset="outlived", types={"n": "bigint"})
    kills = 0
    while desk.killed_after(1, monkeypatch):
        kills += 1
    assert kills
    result = desk.house.control.get(task.id).result
    assert result is not None
    assert result["reasons"] == [{"column": "n", "reason": "is not a whole number", "rows": 334}]
