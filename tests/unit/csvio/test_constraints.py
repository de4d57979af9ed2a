"""What values must be: within bounds, of a pattern, one of a few; told in words, and never slow."""

from __future__ import annotations

import time
from typing import Any

import pytest

from waystation.csvio.constraints import Constraint, check_of
from waystation.errors import InvalidParams


@pytest.mark.parametrize(
    ("kind", "asked", "right", "wrong"),
    [
        ("bigint", {"min": "0", "max": "120"}, ["0", "120"], {"-1": "'-1' is less than 0", "121": "'121' is more than 120"}),
        ("numeric", {"min": "0.10"}, ["0.1", "1"], {"0.099": "'0.099' is less than 0.10"}),
        ("double", {"max": "1e3"}, ["1000", "-inf"], {"1000.5": "'1000.5' is more than 1e3", "nan": "'nan' is more than 1e3"}),
        ("date", {"min": "2020-01-01"}, ["2020-01-01"], {"2019-12-31": "'2019-12-31' is before 2020-01-01"}),
        (
            "timestamp",
            {"max": "2020-01-01 10:00"},
            ["2020-01-01 10:00:00", "2020-01-01 10:00:00.000"],
            {"2020-01-01 10:00:00.1": "'2020-01-01 10:00:00.1' is after 2020-01-01 10:00"},
        ),
        ("time", {"min": "08:00", "max": "17:00"}, ["08:00:00"], {"17:00:01": "'17:00:01' is after 17:00"}),
        ("text", {"pattern": r"[A-Z]{2}\d+"}, ["AB1"], {"AB1x": r"'AB1x' does not fit the pattern '[A-Z]{2}\d+'"}),
        ("text", {"pattern": "é+"}, ["éé"], {"e": "'e' does not fit the pattern 'é+'"}),
        ("text", {"one_of": ("new", "old")}, ["new"], {"New": "'New' is not one of 'new', 'old'"}),
        ("numeric", {"one_of": ("1.0", "2")}, ["1", "2.00"], {"3": "'3' is not one of '1.0', '2'"}),
        ("boolean", {"one_of": ("true",)}, ["t"], {"f": "'f' is not one of 'true'"}),
        ("text", {"one_of": tuple("abcdefg")}, ["g"], {"h": "'h' is not one of 'a', 'b', 'c', 'd', 'e' … (7 in all)"}),
        ("bigint", {"min": "1", "one_of": ("0", "1")}, ["1"], {"0": "'0' is less than 1", "2": "'2' is not one of '0', '1'"}),
    ],
)
def test_what_is_right_and_what_is_wrong(kind: str, asked: dict[str, Any], right: list[str], wrong: dict[str, str]) -> None:
    check = check_of("c", kind, Constraint(**asked))
    assert check is not None
    assert [check(value) for value in right] == [None] * len(right)
    assert {value: check(value) for value in wrong} == wrong


def test_nothing_asked_is_nothing_to_check() -> None:
    assert check_of("c", "text", Constraint()) is None


@pytest.mark.parametrize(
    ("kind", "asked", "words"),
    [
        ("text", {"min": "a"}, "for numbers, dates and times"),
        ("bigint", {"min": "x"}, "`min` of the column 'c', which is bigint: 'x' is not a whole number"),
        ("date", {"max": "2020-02-30"}, "February"),
        ("bigint", {"min": "2", "max": "1"}, "no value can be both"),
        ("double", {"min": "nan", "max": "1"}, "no value can be both"),
        ("text", {"pattern": "("}, "missing )"),
        ("text", {"pattern": r"(a)\1"}, "can't be read"),
        ("text", {"pattern": "(?=a)b"}, "can't be read"),
        ("text", {"pattern": "((a{100}){100}){100}"}, "can't be read"),
        ("text", {"pattern": "a" * 1001}, "longer than 1000"),
        ("text", {"one_of": ()}, "empty"),
        ("uuid", {"one_of": ("x",)}, "UUID"),
    ],
)
def test_what_can_not_be_asked(kind: str, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        check_of("c", kind, Constraint(**asked))
    assert words in caught.value.detail


def test_no_pattern_hangs() -> None:
    """The classic traps: with Python's own engine each of these would run for longer than the universe has."""
    began = time.process_time()
    for pattern in (r"(a+)+b", r"(a|aa)+b", r"(.*a){20}b", r"((a?){30}a{30})+b"):
        check = check_of("c", "text", Constraint(pattern=pattern))
        assert check is not None
        assert check("a" * 5000)
    assert time.process_time() - began < 60
