"""Every record of a file is a row or a reject, with its number, its line and the reason."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.csvio.examples import ran, some
from tests.unit.csvio.reading import read_all, texts
from tests.unit.csvio.rows import copy_rows, each_encoder
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encode, Encoded

COMMA = Dialect()
TYPED = [ColumnPlan(0, "id", "bigint"), ColumnPlan(1, "day", "date"), ColumnPlan(2, "note", "text")]


def typed(encode: Encode, data: bytes, *, first_record: int = 1, first_line: int = 2) -> Encoded:
    return encode(data, COMMA, TYPED, width=3, batch=7, first_record=first_record, first_line=first_line)


@each_encoder
def test_a_good_row_begins_with_its_batch_and_its_number(encode: Encode) -> None:
    made = typed(encode, b"1,2020-02-29,hello\n2,,\n", first_record=41)
    assert copy_rows(made, TYPED) == [["7", "41", "1", "2020-02-29", "hello"], ["7", "42", "2", None, None]]
    assert (made.rows_good, made.rows_bad, made.records, made.lines) == (2, 0, 2, 2)
    assert made.zones == {"day": ("2020-02-29", "2020-02-29", 1)}


@each_encoder
def test_the_first_bad_cell_of_a_row_is_named_and_the_others_are_numbered_on(encode: Encode) -> None:
    made = typed(encode, b"1,2020-01-01,a\nabc,2020-02-30,b\n3,2020-02-30,c\n4,2020-01-04,d\n")
    assert [row[1] for row in copy_rows(made, TYPED)] == ["1", "4"]
    assert [(r.line, r.record, r.column, r.value, r.reason) for r in made.rejects] == [
        (3, 2, "id", "abc", "'abc' is not a whole number"),
        (4, 3, "day", "2020-02-30", "'2020-02-30' is not a date: February 2020 has 29 days"),
    ]
    assert made.rejects[0].fields == ("abc", "2020-02-30", "b")
    assert made.rejects[0].error == "id: 'abc' is not a whole number"


@each_encoder
def test_lines_are_right_after_quoted_line_breaks_and_blank_lines(encode: Encode) -> None:
    made = typed(encode, b'1,,"a\nb\r\nc"\n\n\r\nx,,\ry,,"\r"\nz,,\n')
    assert [(r.line, r.record) for r in made.rejects] == [(7, 2), (8, 3), (10, 4)]
    assert made.lines == 9
    assert made.records == 4


@each_encoder
def test_too_few_and_too_many_fields(encode: Encode) -> None:
    made = typed(encode, b"1,2020-01-01\n1,2020-01-01,a,b\n1\n")
    assert [r.reason for r in made.rejects] == [
        "has 2 fields, the header has 3",
        "has 4 fields, the header has 3",
        "has 1 field, the header has 3",
    ]
    assert made.rejects[1].value == "1,2020-01-01,a,b"
    assert made.rejects[1].column is None
    assert made.data == b""


@each_encoder
def test_a_bad_byte_or_a_nul_costs_its_own_row_only(encode: Encode) -> None:
    made = typed(encode, "1,,é\n".encode() + b"2,,caf\xe9\n3,,a\0b\n4,,\xed\xa0\x80\n" + "5,,€\n".encode())
    assert [row[2] for row in copy_rows(made, TYPED)] == ["1", "5"]
    assert [(r.line, r.column, r.value, r.reason) for r in made.rejects] == [
        (3, "note", "caf\\xe9", "the byte 0xE9 is not valid UTF-8"),
        (4, "note", "a\\x00b", "the value holds a NUL character"),
        (5, "note", "\\xed\\xa0\\x80", "the byte 0xED is not valid UTF-8"),
    ]
    assert made.rejects[1].fields == ("3", "", "a\\x00b")


@each_encoder
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'1,,"a"b\n', "text follows a closing quote"),
        (b'1,,"forgotten\n2,,"b"\n', "text follows a closing quote"),
        (b'1,,"never closed\n', "a quote is opened and never closed"),
        (b'1,,"', "a quote is opened and never closed"),
    ],
)
def test_quotes_out_of_place_are_refused_rather_than_guessed(encode: Encode, record: bytes, reason: str) -> None:
    made = typed(encode, b'0,,5" pipe\n' + record)
    assert made.rows_good == 1
    assert [(r.line, r.record, r.reason) for r in made.rejects] == [(3, 2, reason)]


@each_encoder
def test_a_quote_within_a_bare_field_is_a_character(encode: Encode) -> None:
    assert [row[4] for row in copy_rows(typed(encode, b'1,,5" pipe\n2,,a "b" c\n'), TYPED)] == ['5" pipe', 'a "b" c']


@each_encoder
def test_a_long_value_is_cut_and_its_record_is_whole(encode: Encode) -> None:
    made = typed(encode, b"x" * 5000 + b",,\n")
    assert len(made.rejects[0].value) == 200
    assert made.rejects[0].value.endswith("…")
    assert made.rejects[0].fields[0] == "x" * 5000
    assert len(made.rejects[0].reason) < 200


@each_encoder
def test_the_zone_is_that_of_the_good_rows(encode: Encode) -> None:
    made = typed(encode, b"1,2020-05-01,\n2,,\nx,1999-01-01,\n3,2020-03-01,\n")
    assert made.zones == {"day": ("2020-03-01", "2020-05-01", 2)}
    assert typed(encode, b"1,,\n").zones == {}


@each_encoder
def test_columns_may_be_left_out(encode: Encode) -> None:
    plans = [ColumnPlan(0, "a", "bigint")]
    made = encode(b"1,2\n3,\xff\n", COMMA, plans, width=2, batch=1, first_record=1, first_line=2)
    assert copy_rows(made, plans) == [["1", "1", "1"]]
    assert made.rejects[0].column is None


@each_encoder
def test_escapes_of_copy(encode: Encode) -> None:
    cells = ["\\", "\\N", "a\tb", "a\nb", "a\r\nb", "\\.", "\b\f\v", "\x7f"]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[cell, "x"] for cell in cells])
    found = read_all(out.getvalue().encode(), COMMA, texts(2), width=2, encode=encode)
    assert [row[2] for row in found.rows] == cells


@each_encoder
@some(250)
@given(data=st.text(alphabet='1a,"\n\r\0é\\\t', max_size=80).map(str.encode), target=st.integers(1, 40), junk=st.booleans())
def test_cut_anywhere_the_outcome_is_the_same(encode: Encode, data: bytes, target: int, junk: bool) -> None:
    ran("cut anywhere")
    if junk:
        data = data.replace(b"\xc3", b"\xff")
    plans = [ColumnPlan(0, "n", "bigint"), ColumnPlan(1, "t", "text")]
    whole, cut = (read_all(data, COMMA, plans, width=2, target=size, encode=encode) for size in (2**20, target))
    assert (cut.rows, cut.rejects, cut.records, cut.lines) == (whole.rows, whole.rejects, whole.records, whole.lines)


@each_encoder
@some(250)
@given(
    rows=st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=12),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_the_csv_module_writes_comes_back(encode: Encode, rows: list[list[str]], ends: str) -> None:
    ran("written by the csv module")
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows(rows)
    found = read_all(out.getvalue().encode("utf-8", "surrogatepass"), COMMA, texts(2), width=2, target=16, encode=encode)
    good = [(n, row) for n, row in enumerate(rows, 1) if not re.search("[\0\ud800-\udfff]", "".join(row))]
    assert found.rows == [["9", str(n), *(cell or None for cell in row)] for n, row in good]
    assert len(found.rejects) == len(rows) - len(good)
