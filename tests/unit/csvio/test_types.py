"""What each type takes and what it says of the rest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystation.csvio.column import check
from waystation.csvio.encoded import ColumnPlan
from waystation.csvio.types import TYPES
from waystation.model import SQL_TYPES

GOOD = {
    "bigint": ["0", "-1", "42", "9223372036854775807", "-9223372036854775808"],
    "numeric": ["0", "1.50", "-0.001", ".5", "9" * 60 + "." + "1" * 60],
    "double": ["1e5", "-1.5E+10", "2.", "0", "inf", "-Infinity", "NaN", "5e-324", "0e-999"],
    "date": ["2020-02-29", "0001-01-01", "9999-12-31"],
    "timestamp": ["2020-01-01 10:20:30", "2020-01-01 10:20:30.123456"],
    "integer": ["0", "-2147483648", "2147483647"],
    "time": ["10:20:30", "23:59:59.999999", "24:00:00"],
    "uuid": ["01234567-89ab-cdef-0123-456789abcdef"],
    "json": ['{"b": 1, "a": [2.50, null]}', "null", '" \\\\u0000"', "[" * 256 + "]" * 256],
    "text": ["007", "+49 30", "null", " x "],
}
BAD = {
    "bigint": {
        "abc": "'abc' is not a whole number",
        "007": "'007' is not a whole number: its leading zeros would be lost",
        "-01": "'-01' is not a whole number: its leading zeros would be lost",
        "+5": "'+5' is not a whole number: its plus sign would be lost",
        " 5": "' 5' is not a whole number: it has blanks around it",
        "1.0": "'1.0' is not a whole number",
        "1_000": "'1_000' is not a whole number",
        "1,000": "'1,000' is not a whole number",
        "٣": "'٣' is not a whole number",
        "²": "'²' is not a whole number",
        "1\n": "'1\\n' is not a whole number: it has blanks around it",
        "-": "'-' is not a whole number",
        "9223372036854775808": "'9223372036854775808' is out of range: whole numbers go from"
        " -9223372036854775808 to 9223372036854775807",
    },
    "numeric": {
        "1e5": "'1e5' is not a decimal number",
        "nan": "'nan' is not a decimal number",
        "00.5": "'00.5' is not a decimal number: its leading zeros would be lost",
        "+.5": "'+.5' is not a decimal number: its plus sign would be lost",
        "1.2.3": "'1.2.3' is not a decimal number",
        "1.": "'1.' is not a decimal number",
    },
    "double": {
        "1e400": "'1e400' is too large for a double",
        "1e-400": "'1e-400' is too small for a double",
        "0x10": "'0x10' is not a number",
        "e5": "'e5' is not a number",
        "ınf": "'ınf' is not a number",
    },
    "boolean": {"maybe": "'maybe' is neither true nor false", "2": "'2' is neither true nor false"},
    "date": {
        "2020-02-30": "'2020-02-30' is not a date: February 2020 has 29 days",
        "2021-04-00": "'2021-04-00' is not a date: April 2021 has 30 days",
        "2020-13-01": "'2020-13-01' is not a date: there is no month 13",
        "0000-00-00": "'0000-00-00' is not a date: years go from 0001 to 9999",
        "01/02/2020": "'01/02/2020' is not a date: dates are written YYYY-MM-DD",
        "20200101": "'20200101' is not a date: dates are written YYYY-MM-DD",
        "2020-W01-1": "'2020-W01-1' is not a date: dates are written YYYY-MM-DD",
        "2020-1-1": "'2020-1-1' is not a date: dates are written YYYY-MM-DD",
        "2020-01-01\n": "'2020-01-01\\n' is not a date: dates are written YYYY-MM-DD",
    },
    "timestamp": {
        "2020-02-30 10:00": "'2020-02-30 10:00' is not a timestamp: February 2020 has 29 days",
        "2020-01-01 24:00": "'2020-01-01 24:00' is not a timestamp: times go from 00:00:00 to 23:59:59",
        "2020-01-01 10:00:60": "'2020-01-01 10:00:60' is not a timestamp: times go from 00:00:00 to 23:59:59",
        "2020-01-01T10:00:00Z": "'2020-01-01T10:00:00Z' is not a timestamp: its time zone Z would be lost",
        "2020-01-01 10:00+02:00": "'2020-01-01 10:00+02:00' is not a timestamp: its time zone +02:00 would be lost",
        "2020-01-01 10:00:00.1234567": "'2020-01-01 10:00:00.1234567' is too fine: a timestamp keeps six digits of a second",
        "now": "'now' is not a timestamp: timestamps are written YYYY-MM-DD HH:MM:SS",
    },
}


def test_the_types_are_those_of_the_model() -> None:
    assert set(TYPES) == set(SQL_TYPES)
    assert TYPES["double"].sql == "double precision"


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in GOOD.items() for value in values])
def test_what_fits_is_not_changed(kind: str, value: str) -> None:
    assert TYPES[kind].parse(value) == value


@pytest.mark.parametrize(
    ("kind", "value", "reason"), [(kind, value, reason) for kind, bad in BAD.items() for value, reason in bad.items()]
)
def test_what_does_not_fit_is_refused_with_the_reason(kind: str, value: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        TYPES[kind].parse(value)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("boolean", "Yes", "t"),
        ("boolean", "0", "f"),
        ("timestamp", "2020-01-01", "2020-01-01 00:00:00"),
        ("timestamp", "2020-01-01T10:20", "2020-01-01 10:20:00"),
    ],
)
def test_what_is_written_otherwise_means_the_same(kind: str, value: str, text: str) -> None:
    assert TYPES[kind].parse(value) == text


def test_a_number_of_very_many_digits_is_refused_quickly() -> None:
    with pytest.raises(ValueError, match="out of range"):
        TYPES["bigint"].parse("9" * 1_000_000)
    with pytest.raises(ValueError, match="too many digits"):
        TYPES["numeric"].parse("0." + "1" * 20_000)


odd = ["", "0", "00", "-5", "x", "1,0", "٣", "²", "a\0"]
cells = st.one_of(st.text(alphabet="0123456789", max_size=20), st.sampled_from(odd))


@settings(max_examples=500, deadline=None)
@given(st.lists(cells, max_size=6), st.sampled_from(sorted(TYPES)))
def test_a_column_is_checked_as_its_cells_are(column: list[str], kind: str) -> None:
    made, bad = check(ColumnPlan(0, "v", kind), column)
    for value, text in zip(column, made, strict=True):
        if kind == "text" or not value:
            assert text == value
            continue
        if value in bad:
            with pytest.raises(ValueError) as caught:
                TYPES[kind].parse(value)
            assert bad[value] == str(caught.value)
        else:
            assert text == TYPES[kind].parse(value)
