"""The rejects as a file: mended, it can be uploaded again; unmended, it is rejected again."""

from __future__ import annotations

import csv
import io

from tests.unit.csvio.reading import read_all
from waystation.csvio.encoded import ColumnPlan
from waystation.csvio.infer import infer
from waystation.csvio.rejects import Reject, rejects_csv
from waystation.csvio.sniff import sniff

FILE = b'name,age\nAda,36\n"Bob, ""B""",abc\nCy\n"D\nd",1.5\nEve,7,8\n'
PLANS = [ColumnPlan(0, "name", "text"), ColumnPlan(1, "age", "bigint")]


def test_the_rejects_of_a_file_mended_and_unmended() -> None:
    sniffed = sniff(io.BytesIO(FILE))
    first = read_all(FILE, sniffed.dialect, PLANS, width=2, start=sniffed.data_offset, line=2)
    made = b"".join(rejects_csv(sniffed.header, first.rejects))
    assert list(csv.reader(io.StringIO(made.decode(), newline=""))) == [
        ["name", "age", "_line", "_error"],
        ['Bob, "B"', "abc", "3", "age: 'abc' is not a whole number"],
        ["Cy", "4", "has 1 field, the header has 2"],
        ["D\nd", "1.5", "5", "age: '1.5' is not a whole number"],
        ["Eve", "7", "8", "7", "has 3 fields, the header has 2"],
    ]
    again = sniff(io.BytesIO(made))
    unmended = read_all(made, again.dialect, PLANS, width=4, start=again.data_offset, line=2)
    assert len(unmended.rejects) == 4

    mended = made.replace(b",abc,", b",40,").replace(b"Cy,4", b"Cy,41,4").replace(b"1.5,5", b"42,5").replace(b"7,8,", b"7,")
    taken = read_all(mended, again.dialect, PLANS, width=4, start=again.data_offset, line=2)
    assert [row[2:] for row in taken.rows] == [['Bob, "B"', "40"], ["Cy", "41"], ["D\nd", "42"], ["Eve", "7"]]
    assert [found.name for found in infer(io.BytesIO(mended), again)] == ["name", "age"]


def test_many_rejects_come_in_blocks() -> None:
    made = list(rejects_csv(["a"], (Reject(n, n, "a", "x", "is bad", ("x" * 100,)) for n in range(5000))))
    assert len(made) > 5
    assert max(map(len, made)) < 70_000
    assert b"".join(made).count(b"\n") == 5001


def test_no_rejects_give_the_header_alone() -> None:
    assert b"".join(rejects_csv(["a", "b,c"], [])) == b'a,"b,c",_line,_error\n'
