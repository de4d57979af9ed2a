"""Exports to Parquet and XLSX: the types and values of the dataset, and the same bytes however often the task was cut."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from tests.attempts import die_at, leave_at, work
from tests.promises.exporting import content, done, export, exported
from tests.support import files_of, people_csv, send
from waystation import outputs
from waystation.errors import DoesNotFit, FormatUnavailable, InvalidParams
from waystation.kinds import converting
from waystation.model import Column, State, Verb
from waystation.outputs import xlsx
from waystation.wiring import House

TYPES = {
    "i": "integer",
    "b": "bigint",
    "n": "numeric",
    "wide": "numeric",
    "d": "double",
    "ok": "boolean",
    "day": "date",
    "at": "timestamp",
    "t": "time",
    "u": "uuid",
    "j": "json",
    "x": "text",
}
UUID = "00000000-0000-0000-0000-00000000000f"
KINDS = f'''{",".join(TYPES)}
2147483647,9223372036854775807,0.10,1{"0" * 40}.5,1.7976931348623157e+308,t,9999-12-31,9999-12-31 23:59:59.999999,\
23:59:59.999999,{UUID},"{{""k"":
 [1, null]}}","tab	quote "" back\\slash \\N
second line"
-2147483648,-9223372036854775808,-12345678901234567890.5,-1,5e-324,f,1900-01-01,1900-02-28 12:00:00,00:00:00,,1,=1+1
7,123456789012345,123456789012345.0,0,0.1,t,2024-02-29,2024-02-29 23:59:59.5,12:30:00.25,,null,_x0041_ <&> Köln ☃ 🌍
,,,,,,,,,,,
0,0,0,0,-0,f,1900-03-01,1900-03-01 00:00:00,00:00:01,,"""é""", '''.encode()


@pytest.fixture(scope="module")
def kinds(desk: House) -> str:
    """A dataset with a column of each type."""
    task = done(desk, send(desk, KINDS, dataset="kinds", types=TYPES))
    assert task.counts["bad"] == 0, task.result
    return "kinds"


def parquet(data: bytes) -> Any:
    return pq.read_table(io.BytesIO(data))


def sheet(data: bytes) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True))


def test_parquet_keeps_types_and_values(desk: House, kinds: str) -> None:
    task = done(desk, export(desk, dataset=kinds, format="parquet"))
    table = parquet(content(desk, task))
    assert [str(t) for t in table.schema.types] == [
        *("int32", "int64", "decimal128(22, 2)", "string", "double", "bool", "date32[day]", "timestamp[us]", "time64[us]"),
        *("string", "string", "string"),
    ]
    assert task.result is not None
    assert task.result["as_text"] == {"wide": "has numbers that no decimal of 38 digits holds"}
    assert (task.result["file"]["media_type"], task.result["rows"]) == ("application/vnd.apache.parquet", 5)
    assert (desk.settings.home / "downloads" / f"{task.id}.parquet").is_file()
    got = table.to_pydict()
    assert got["i"] == [2**31 - 1, -(2**31), 7, None, 0]
    assert got["b"] == [2**63 - 1, -(2**63), 123456789012345, None, 0]
    numbers = ("0.10", "-12345678901234567890.50", "123456789012345.00")
    assert got["n"] == [*map(Decimal, numbers), None, Decimal("0.00")]
    assert got["wide"] == ["1" + "0" * 40 + ".5", "-1", "0", None, "0"]
    assert got["d"] == [1.7976931348623157e308, 5e-324, 0.1, None, 0]
    assert got["ok"] == [True, False, True, None, False]
    assert got["day"] == [dt.date.max, dt.date(1900, 1, 1), dt.date(2024, 2, 29), None, dt.date(1900, 3, 1)]
    assert got["at"][:3] == [dt.datetime.max, dt.datetime(1900, 2, 28, 12), dt.datetime(2024, 2, 29, 23, 59, 59, 500_000)]
    assert got["t"][:3] == [dt.time.max, dt.time(0), dt.time(12, 30, 0, 250_000)]
    assert got["u"] == [UUID, None, None, None, None]
    assert got["j"] == ['{"k":\n [1, null]}', "1", "null", None, '"é"']
    assert got["x"] == ['tab\tquote " back\\slash \\N\nsecond line', "=1+1", "_x0041_ <&> Köln ☃ 🌍", None, " "]


def test_xlsx_has_numbers_dates_and_texts(desk: House, kinds: str) -> None:
    task = done(desk, export(desk, dataset=kinds, format="xlsx"))
    head, first, second, third, empty, last = sheet(content(desk, task))
    assert head == tuple(TYPES)
    assert first[:6] == (2**31 - 1, "9223372036854775807", 0.1, "1" + "0" * 40 + ".5", "1.7976931348623157e+308", True)
    assert first[6:9] == (dt.datetime(9999, 12, 31), "9999-12-31 23:59:59.999999", "23:59:59.999999")
    assert first[9:] == (UUID, '{"k":\n [1, null]}', 'tab\tquote " back\\slash \\N\nsecond line')
    assert second[:6] == (-(2**31), "-9223372036854775808", "-12345678901234567890.5", -1, "5e-324", False)
    assert second[6:8] == (dt.datetime(1900, 1, 1), dt.datetime(1900, 2, 28, 12))
    assert second[11] == "=1+1"
    assert third[:5] == (7, 123456789012345, 123456789012345, 0, 0.1)
    assert third[6:9] == (dt.datetime(2024, 2, 29), dt.datetime(2024, 2, 29, 23, 59, 59, 500_000), dt.time(12, 30, 0, 250_000))
    assert third[11] == "_x005F_x0041_ <&> Köln ☃ 🌍", "as spreadsheets write what must not be read as a character's number"
    assert empty == (None,) * 12
    assert last[6:8] == (dt.datetime(1900, 3, 1), dt.datetime(1900, 3, 1))
    cells = openpyxl.load_workbook(io.BytesIO(content(desk, task))).active
    assert cells["L3"].data_type != "f", "a text is never a formula"
    assert task.result is not None
    assert set(task.result["as_text"]) == {"b", "n", "wide", "d", "at", "t"}
    assert task.result["as_text"]["b"] == "2 values that a spreadsheet would change"


def test_empty_texts_are_no_nulls_and_an_empty_range_is_a_file(desk: House, kinds: str) -> None:
    empty = exported(desk, dataset=kinds, columns=["x", "n"], filter="i = 5", format="parquet")
    assert parquet(empty).to_pydict() == {"x": [], "n": []}
    assert sheet(exported(desk, dataset=kinds, columns=["x"], filter="i = 5", format="xlsx")) == [("x",)]
    made: list[bytes] = []
    columns = (Column("x", "text"), Column("y", "text"))
    with outputs.output("parquet", columns, made.append, rows=2, size=9) as file:
        file.add([b"\t\\N", b"\\N\ta\\\\b\\r"])
        file.finish()
    assert parquet(b"".join(made)).to_pydict() == {"x": ["", None], "y": [None, "a\\b\r"]}


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
def test_killed_and_paused_while_it_is_converted_the_bytes_are_the_same(
    desk: House, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    done(desk, send(desk, people_csv(6_000, seed=3), dataset=f"cut_{form}"))
    monkeypatch.setattr("waystation.outputs.lines.batches.__kwdefaults__", {"rows": 1000, "size": 2**20})
    quiet = exported(desk, dataset=f"cut_{form}", format=form)
    monkeypatch.setattr(converting, "STEP", 0.0)
    task = export(desk, dataset=f"cut_{form}", format=form)
    while desk.control.get(task.id).phase != "convert":
        leave_at(desk, 3)  # the rows are written in several attempts
    assert die_at(desk, task, 4)
    assert (at := desk.control.get(task.id)).phase == "convert"
    assert at.done > 0
    leave_at(desk, 3)
    assert die_at(desk, task, 6)
    ended = done(desk, task)
    assert ended.attempt > 5
    assert content(desk, ended) == quiet
    assert not (desk.settings.home / "segments" / str(task.id)).exists()


def test_stopped_while_it_is_converted_it_leaves_nothing(desk: House, kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "STEP", 0.0)
    task = export(desk, dataset=kinds, format="xlsx")
    while desk.control.get(task.id).phase != "convert":
        leave_at(desk, 2)
    assert len(files_of(desk, task)) > 1
    desk.control.act(Verb.STOP, task.id, actor="ann")
    work(desk)
    assert desk.control.get(task.id).state is State.STOPPED
    assert files_of(desk, task) == []


def test_more_rows_than_a_sheet_has_are_refused_at_once(desk: House, kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MOST_ROWS", 4)
    with pytest.raises(DoesNotFit, match="5 rows: an XLSX sheet holds 4"):
        export(desk, dataset=kinds, format="xlsx")
    assert len(sheet(exported(desk, dataset=kinds, format="xlsx", filter="i is not null"))) == 5
    task = export(desk, dataset=kinds, format="xlsx", filter="i is null or i >= -2147483648")
    work(desk)
    assert (ended := desk.control.get(task.id)).state is State.FAILED
    assert ended.error is not None
    assert (ended.error["code"], "csv" in ended.error["remedy"]) == ("does-not-fit", True)


def test_days_before_1900_are_told_from_the_ledger_before_anything_is_written(desk: House) -> None:
    done(desk, send(desk, b"n,day\n1,2024-01-01\n2,1899-12-31\n", dataset="old"))
    task = export(desk, dataset="old", format="xlsx")
    work(desk)
    ended = desk.control.get(task.id)
    assert ended.error is not None
    assert "from 1899-12-31 on" in str(ended.error["detail"])
    assert files_of(desk, task) == []
    assert len(sheet(exported(desk, dataset="old", format="xlsx", columns=["n"]))) == 3
    assert len(sheet(exported(desk, dataset="old", format="xlsx", filter="n = 1"))) == 2


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("date", "1899-12-31", "Row 1 of the file, column 'c': an XLSX sheet can't hold 1899-12-31, a day before 1900"),
        ("timestamp", "0001-01-01 00:00:00", "before 1900"),
        ("date", "infinity", "the date infinity"),
        ("text", "🌍" * 16_384, "a text of 32,768 characters; a cell holds 32,767"),
        ("text", "a\x0bb", r"U\+000B at character 2"),
    ],
)
def test_what_a_sheet_cannot_hold_is_said(kind: str, value: str, said: str) -> None:
    made: list[bytes] = []
    with outputs.output("xlsx", [Column("c", kind)], made.append, rows=1, size=1) as file:
        with pytest.raises(DoesNotFit, match=said):
            file.add([value.replace("\x0b", "\\v").encode()])
        size = sum(map(len, made))
    assert sum(map(len, made)) == size, "nothing is written behind an error"


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
@pytest.mark.parametrize(
    "option", [{"delimiter": ";"}, {"null": "NA"}, {"compression": "gzip"}, {"bom": True}, {"dates": "dmy"}]
)
def test_options_of_texts_are_refused(desk: House, kinds: str, form: str, option: dict[str, object]) -> None:
    with pytest.raises(InvalidParams, match=f"`{next(iter(option))}` has no meaning for {form}"):
        export(desk, dataset=kinds, format=form, **option)


def test_without_pyarrow_parquet_is_refused_in_words(desk: House, kinds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "find_spec", lambda name: None)
    with pytest.raises(FormatUnavailable, match="pyarrow"):
        export(desk, dataset=kinds, format="parquet")
