"""What a request for a file may ask, one option after the other; and that each file is the same however often it was cut."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import sys
from typing import Any

import pytest

from tests.attempts import run_cut
from tests.promises.exporting import content, done, export, exported
from tests.support import people_csv, send
from waystation.errors import InvalidFilter, InvalidOrder, InvalidParams, UnknownColumn
from waystation.model import State
from waystation.storage import drain
from waystation.wiring import House

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KINDS = b'''a,n,d,day,at,ok,j,x
"plain, with ""quotes""",1,0.5,2024-12-31,2024-12-31 23:59:59.5,true,"{""k"":
 [1, null]}",-7
=1+1,-2,-1e300,0001-01-01,0001-01-01 00:00:00,false,-5,12345678901234567890.123456789
'=1+1,,,,,,,
@home,9223372036854775807,NaN,9999-12-31,9999-12-31 23:59:59.999999,,"""\xc3\xa9""",0.10
NA,3,,,,,,
\xe2\x98\x83,4,,,,,,
'''


@pytest.fixture(scope="module")
def kinds(desk: House) -> str:
    """A dataset with a column of each sort."""
    types = {"d": "double", "j": "json", "x": "numeric", "a": "text"}
    done(desk, send(desk, KINDS, dataset="kinds", types=types))
    return "kinds"


def rows(data: bytes, **how: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), **how))


def test_columns_are_chosen_and_ordered(desk: House, kinds: str) -> None:
    assert exported(desk, dataset=kinds, columns=["n", "a"]).splitlines()[:2] == [b"n,a", b'1,"plain, with ""quotes"""']
    assert exported(desk, dataset=kinds, columns="ok, n").splitlines()[:3] == [b"ok,n", b"t,1", b"f,-2"]
    assert exported(desk, dataset=kinds, columns='["n"]').startswith(b'n\n1\n-2\n""\n9223372036854775807\n')


def test_delimiter_quoting_and_null(desk: House, kinds: str) -> None:
    chosen = {"dataset": kinds, "columns": ["a", "n"]}
    assert exported(desk, **chosen, delimiter=";").splitlines()[1] == b'"plain, with ""quotes""";1'
    assert exported(desk, **chosen, delimiter="tab").splitlines()[0] == b"a\tn"
    assert exported(desk, **chosen, format="tsv").splitlines()[2] == b"=1+1\t-2"
    assert exported(desk, **chosen, quoting="all").splitlines()[:4:3] == [b'"a","n"', b'"\'=1+1",']
    lines = exported(desk, **chosen, null="NA").splitlines()
    assert lines[3] == b"'=1+1,NA"
    assert lines[5] == b'"NA",3', "the text NA is told from the word for null"


def test_dates_are_turned_round(desk: House, kinds: str) -> None:
    chosen = {"dataset": kinds, "columns": ["day", "at"], "filter": "day is not null"}
    assert exported(desk, **chosen, dates="dmy").splitlines()[1] == b"31/12/2024,31/12/2024 23:59:59.5"
    assert exported(desk, **chosen, dates="mdy").splitlines()[2:] == [
        b"01/01/0001,01/01/0001 00:00:00",
        b"12/31/9999,12/31/9999 23:59:59.999999",
    ]


def test_a_byte_order_mark_and_the_guard_for_spreadsheets(desk: House, kinds: str) -> None:
    data = exported(desk, dataset=kinds, columns=["a", "n"], bom=True, formulas="guard")
    assert data.startswith(b"\xef\xbb\xbfa,n\n")
    assert [row[0] for row in rows(data)[2:5]] == ["'=1+1", "''=1+1", "'@home"]
    assert rows(data)[2][1] == "-2", "a number is no formula"


def test_json_lines_are_json_line_by_line(desk: House, kinds: str) -> None:
    data = exported(desk, dataset=kinds, format="jsonl")
    found = [json.loads(line, parse_float=str) for line in data.decode().split("\n")[:-1]]
    assert found[0] == {
        "a": 'plain, with "quotes"',
        "n": 1,
        "d": "0.5",
        "day": "2024-12-31",
        "at": "2024-12-31T23:59:59.5",
        "ok": True,
        "j": {"k": [1, None]},
        "x": -7,
    }
    assert found[1]["x"] == "12345678901234567890.123456789"
    assert (found[3]["d"], found[3]["j"], found[5]["a"]) == ("NaN", "é", "☃")


@pytest.mark.parametrize(("format", "how"), [("csv", "gzip"), ("tsv", "zstd"), ("jsonl", "zstd")])
def test_compressed_it_is_the_same_file(desk: House, kinds: str, format: str, how: str) -> None:
    unpack = {"gzip": gzip.decompress, "zstd": zstd.decompress}[how]
    packed = done(desk, export(desk, dataset=kinds, format=format, compression=how))
    assert unpack(content(desk, packed)) == exported(desk, dataset=kinds, format=format)
    link = desk.settings.home / "downloads" / f"{packed.id}.{format}{'.gz' if how == 'gzip' else '.zst'}"
    assert link.read_bytes() == content(desk, packed)
    empty = exported(desk, dataset=kinds, format=format, compression=how, filter="n = 99")
    assert unpack(empty) == exported(desk, dataset=kinds, format=format, filter="n = 99")


FILTERS = {
    "n = 1": [1],
    "n != 1": [-2, 2**63 - 1, 3, 4],
    "n <> 1 and n < 4": [-2, 3],
    "not (n >= 1)": [-2],
    "n in (1, 3, -2)": [1, -2, 3],
    "N = 1": None,
    "n not in (1)": [-2, 2**63 - 1, 3, 4],
    "d > 0.1": [1, 2**63 - 1],
    "day >= '2024-12-31'": [1, 2**63 - 1],
    "at = '2024-12-31 23:59:59.5'": [1],
    "ok = true or ok = FALSE": [1, -2],
    "a like '%quotes%'": [1],
    "a contains '\"'": [1],
    "a starts with '@' or a ends with 'A'": [2**63 - 1, 3],
    "a not contains 'A' and n is not null": [1, -2, 2**63 - 1, 4],
    "a = 'NA' and not (n is null)": [3],
    "\"a\" = '☃'": [4],
    "x = 0.1": [2**63 - 1],
    "j is null and n is not null": [3, 4],
    "a > 'z'": [4],
}


@pytest.mark.parametrize("filter", FILTERS)
def test_rows_are_filtered(desk: House, kinds: str, filter: str) -> None:
    wanted = FILTERS[filter]
    if wanted is None:
        with pytest.raises(InvalidFilter, match="no column 'N'"):
            export(desk, dataset=kinds, filter=filter)
        return
    data = exported(desk, dataset=kinds, columns=["n", "a"], filter=filter)
    assert [int(row[0]) for row in rows(data)[1:]] == wanted


def test_a_filter_on_a_column_that_came_later(desk: House) -> None:
    done(desk, send(desk, b"a\n1\n", dataset="grown"))
    done(desk, send(desk, b"a,b\n2,x\n", dataset="grown"))
    assert exported(desk, dataset="grown", filter="b is null") == b"a,b\n1,\n"
    assert exported(desk, dataset="grown", filter="b = 'x'") == b"a,b\n2,x\n"
    assert exported(desk, dataset="grown", format="jsonl") == b'{"a":1,"b":null}\n{"a":2,"b":"x"}\n'


@pytest.mark.parametrize(
    "asked",
    [
        {"format": "jsonl", "delimiter": ";"},
        {"format": "tsv", "delimiter": ";"},
        {"format": "xml"},
        {"compression": "rar"},
        {"delimiter": "ab"},
        {"delimiter": "a"},
        {"delimiter": '"'},
        {"null": "a,b"},
        {"null": 'a"b'},
        {"columns": []},
        {"columns": ["n", "n"]},
        {"columns": "[1"},
        {"quoting": "some"},
        {"dates": "ydm"},
        {"formulas": "run"},
        {"filter": "x" * 5000},
    ],
)
def test_what_makes_no_sense_is_refused_at_once(desk: House, kinds: str, asked: dict[str, object]) -> None:
    with pytest.raises(InvalidParams):
        export(desk, dataset=kinds, **asked)


def test_columns_that_are_not_there_are_refused_at_once(desk: House, kinds: str) -> None:
    with pytest.raises(UnknownColumn):
        export(desk, dataset=kinds, columns=["n", "nothing"])


@pytest.mark.parametrize("asked", [{"format": "jsonl", "compression": "gzip"}, {"compression": "zstd", "filter": "age > 50"}])
def test_cut_anywhere_the_bytes_are_the_same(desk: House, asked: dict[str, Any]) -> None:
    if not any(d.name == "people" for d in desk.control.datasets()):
        done(desk, send(desk, people_csv(12_000, seed=1), dataset="people"))
    quiet = exported(desk, dataset="people", **asked)
    for seed in range(2):
        draw = random.Random(seed)
        task = export(desk, dataset="people", **asked)
        ended = run_cut(desk, task, [(draw.choice(("left", "dead")), draw.randint(1, 5)) for _ in range(5)])
        assert (ended.state, ended.attempt > 3) == (State.SUCCEEDED, True)
        assert content(desk, task) == quiet


def test_sorted_by_a_column_nulls_come_last_and_equals_in_the_order_of_the_files(desk: House) -> None:
    done(desk, send(desk, b"k,t\n2,b\n,a\n1,\n2,A\n", dataset="unsorted"))
    done(desk, send(desk, b"k,t,new\n1,z,x\n,\xc3\xa4,\n", dataset="unsorted"))
    asked = {"dataset": "unsorted", "columns": ["k", "t"]}
    assert exported(desk, **asked, order="k").splitlines()[1:] == [b"1,", b"1,z", b"2,b", b"2,A", b",a", ",ä".encode()]
    assert exported(desk, **asked, order="k DESC").splitlines()[1:] == [b"2,b", b"2,A", b"1,", b"1,z", b",a", ",ä".encode()]
    assert exported(desk, **asked, order="t").splitlines()[1:] == [b"2,A", b",a", b"2,b", b"1,z", ",ä".encode(), b"1,"]
    assert exported(desk, dataset="unsorted", columns="k", order="new", filter="k = 1 or t = 'b'") == b"k\n1\n2\n1\n"
    for asked_for, error in (("nothing", UnknownColumn), ("k up", UnknownColumn)):
        with pytest.raises(error):
            export(desk, dataset="unsorted", order=asked_for)


@pytest.mark.parametrize("asked", [{"order": "age desc"}, {"order": "address", "format": "jsonl", "compression": "zstd"}])
@pytest.mark.parametrize("way", ["compiled", "plain"])
def test_sorted_and_cut_anywhere_the_bytes_are_the_same(
    desk: House, asked: dict[str, Any], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not any(d.name == "people" for d in desk.control.datasets()):
        done(desk, send(desk, people_csv(12_000, seed=1), dataset="people"))
    quiet = exported(desk, dataset="people", **asked)
    if way == "plain":
        monkeypatch.setattr(drain, "_libpq", None)
    draw = random.Random(f"{asked}{way}")
    task = export(desk, dataset="people", **asked)
    ended = run_cut(desk, task, [(draw.choice(("left", "dead")), draw.randint(2, 6)) for _ in range(5)])
    assert (ended.state, ended.attempt > 3) == (State.SUCCEEDED, True)
    assert content(desk, task) == quiet
    assert ended.done == ended.total


def test_json_has_no_order(desk: House, kinds: str) -> None:
    with pytest.raises(InvalidOrder):
        export(desk, dataset=kinds, order="j")
