"""Values as they are written elsewhere: dates that begin with the day, commas for points, words for nothing."""

from __future__ import annotations

import json

import pytest

from tests.unit.csvio.rows import copy_rows, each_encoder
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encode
from waystation.csvio.formats import ValueFormat
from waystation.csvio.types import TYPES

DAY_FIRST, MONTH_FIRST = ValueFormat(dates="dmy"), ValueFormat(dates="mdy")
GERMAN, SWISS, FRENCH = (ValueFormat(thousands=t, decimal=d) for t, d in ((".", ","), ("'", "."), (" ", ",")))
ENGLISH = ValueFormat(thousands=",")


@pytest.mark.parametrize(
    ("kind", "form", "value", "text"),
    [
        ("date", DAY_FIRST, "31/12/2020", "2020-12-31"),
        ("date", DAY_FIRST, "1.2.2020", "2020-02-01"),
        ("date", DAY_FIRST, "2020-12-31", "2020-12-31"),
        ("date", MONTH_FIRST, "12-31-2020", "2020-12-31"),
        ("timestamp", DAY_FIRST, "31/12/2020 10:20", "2020-12-31 10:20:00"),
        ("timestamp", MONTH_FIRST, "2/1/2020", "2020-02-01 00:00:00"),
        ("bigint", ENGLISH, "1,234,567", "1234567"),
        ("integer", GERMAN, "-1.234", "-1234"),
        ("numeric", GERMAN, "1.234,50", "1234.50"),
        ("numeric", GERMAN, "1234,50", "1234.50"),
        ("numeric", SWISS, "1’234'567.5", "1234567.5"),
        ("numeric", FRENCH, "1 234\u202f567,5", "1234567.5"),
        ("double", GERMAN, "1.234,5e3", "1234.5e3"),
        ("double", GERMAN, "inf", "inf"),
    ],
)
def test_a_format_tells_what_is_meant(kind: str, form: ValueFormat, value: str, text: str) -> None:
    assert TYPES[kind].parse(value, form) == text


@pytest.mark.parametrize(
    ("kind", "form", "value", "reason"),
    [
        ("date", DAY_FIRST, "12/31/2020", "there is no month 31"),
        ("date", DAY_FIRST, "30/2/2020", "February 2020 has 29 days"),
        ("date", DAY_FIRST, "1/2.2020", "dates are written DD/MM/YYYY"),
        ("date", MONTH_FIRST, "1/2/20", "dates are written MM/DD/YYYY"),
        ("timestamp", MONTH_FIRST, "noon", "timestamps are written MM/DD/YYYY HH:MM:SS"),
        ("bigint", ENGLISH, "12,34", "its separators of thousands are out of place"),
        ("bigint", ENGLISH, "1234,567", "its separators of thousands are out of place"),
        ("bigint", ENGLISH, "0,123", "its leading zeros would be lost"),
        ("bigint", FRENCH, " 5", "it has blanks around it"),
        ("numeric", GERMAN, "3.14", "its separators of thousands are out of place"),
        ("numeric", ValueFormat(decimal=","), "3.14", "the decimal sign is ,"),
        ("numeric", ENGLISH, "1.234,567", "is not a decimal number"),
    ],
)
def test_what_a_format_does_not_allow_is_refused(kind: str, form: ValueFormat, value: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        TYPES[kind].parse(value, form)
    assert str(caught.value).endswith(reason)


@pytest.mark.parametrize("wrong", [{"dates": "dym"}, {"thousands": "_"}, {"decimal": "·"}, {"thousands": ".", "decimal": "."}])
def test_a_format_that_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        ValueFormat.of(wrong)


def test_a_format_survives_json() -> None:
    form = ValueFormat("dmy", ".", ",", ("NULL", "-"))
    assert ValueFormat.of(json.loads(json.dumps(form.as_json()))) == form


def odd(value: str) -> str | None:
    """A constraint for the tests."""
    return None if int(value) % 2 else f"{value} is even"


@each_encoder
def test_nulls_required_checked_and_absent_columns(encode: Encode) -> None:
    form = ValueFormat(nulls=("NULL", "0"))
    plans = [
        ColumnPlan(0, "a", "bigint", form, required=True, check=odd),
        ColumnPlan(1, "b", "text", form),
        ColumnPlan(None, "c", "date"),
    ]
    made = encode(b'1,"NULL"\n2,x\n0,x\n,x\n3,null\n', Dialect(), plans, width=2, batch=1, first_record=1, first_line=2)
    assert [row[2:] for row in copy_rows(made, plans)] == [["1", None, None], ["3", "null", None]]
    assert [(r.record, r.column, r.value, r.reason) for r in made.rejects] == [
        (2, "a", "2", "2 is even"),
        (3, "a", "0", "a value is required"),
        (4, "a", "", "a value is required"),
    ]


@each_encoder
def test_a_required_column_that_the_file_lacks_rejects_every_row(encode: Encode) -> None:
    plans = [ColumnPlan(None, "c", "date", required=True)]
    made = encode(b"1\n", Dialect(), plans, width=1, batch=1, first_record=1, first_line=2)
    assert [(r.column, r.value, r.reason) for r in made.rejects] == [("c", "", "a value is required")]


@each_encoder
def test_records_can_be_trimmed_of_what_stands_behind_a_trailing_delimiter(encode: Encode) -> None:
    data = b"1,a,\n2\n3,,,\n4,b,c\n5,d\n"
    plans = [ColumnPlan(0, "n", "bigint"), ColumnPlan(1, "t", "text")]
    made = encode(data, Dialect(), plans, width=2, batch=1, first_record=1, first_line=2, ragged="trim")
    assert [row[2:] for row in copy_rows(made, plans)] == [["1", "a"], ["3", None], ["5", "d"]]
    assert [(r.line, r.reason) for r in made.rejects] == [
        (3, "has 1 field, the header has 2"),
        (5, "has 3 fields, the header has 2"),
    ]


@each_encoder
def test_ragged_records_can_be_filled(encode: Encode) -> None:
    plans = [ColumnPlan(0, "a", "bigint"), ColumnPlan(1, "b", "text")]
    data = b'1\n2,x,\n3,y,,""\n4,z,,w\nx,y,\n'
    made = encode(data, Dialect(), plans, width=2, batch=1, first_record=1, first_line=2, ragged="fill")
    assert [row[2:] for row in copy_rows(made, plans)] == [["1", None], ["2", "x"], ["3", "y"]]
    assert [(r.record, r.reason, r.fields) for r in made.rejects] == [
        (4, "has 4 fields, the header has 2", ("4", "z", "", "w")),
        (5, "'x' is not a whole number", ("x", "y", "")),
    ]


@each_encoder
@pytest.mark.parametrize(
    ("dialect", "data", "rows"),
    [
        (Dialect(escape="\\"), b'a\\,b,"c\\"d"\ne\\\nf,g\\\\\n', [["a,b", 'c"d'], ["e\nf", "g\\"]]),
        (Dialect(quote=None), b'"a,b"\n', [['"a', 'b"']]),
        (Dialect(quote=None, escape="\\"), b'a\\\r\nb,c\\,"\n', [["a\r", None], ["b", 'c,"']]),
        (Dialect(quote="'"), b"'a,''b',c\n", [["a,'b", "c"]]),
        (Dialect(escape="\\", doublequote=False), b'"a\\"b",""\n', [['a"b', None]]),
    ],
)
def test_other_quotes_and_escapes(encode: Encode, dialect: Dialect, data: bytes, rows: list[list[str | None]]) -> None:
    plans = [ColumnPlan(0, "a", "text"), ColumnPlan(1, "b", "text")]
    made = encode(data, dialect, plans, width=2, batch=1, first_record=1, first_line=1, ragged="fill")
    assert [row[2:] for row in copy_rows(made, plans)] == rows
    assert made.rejects == []


@each_encoder
@pytest.mark.parametrize(
    ("dialect", "data", "reason"),
    [
        (Dialect(escape="\\"), b"a\\", "an escape is the last character"),
        (Dialect(escape="\\"), b"a\\\n", "an escape is the last character"),
        (Dialect(escape="\\"), b'"a\\', "a quote is opened and never closed"),
        (Dialect(escape="\\"), b'"a\\"\n', "a quote is opened and never closed"),
        (Dialect(doublequote=False), b'"a"b\n', "text follows a closing quote"),
        (Dialect(doublequote=False), b'"a""b"\n', "text follows a closing quote"),
    ],
)
def test_quotes_and_escapes_out_of_place(encode: Encode, dialect: Dialect, data: bytes, reason: str) -> None:
    made = encode(data, dialect, [ColumnPlan(0, "a", "text")], width=1, batch=1, first_record=1, first_line=1)
    assert [r.reason for r in made.rejects] == [reason]
