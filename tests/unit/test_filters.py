"""The language of filters: what it reads, where it says that something is wrong, and that nothing else ever comes of a text."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystation import filters
from waystation.errors import InvalidFilter
from waystation.filters import Asked, Both, Not, Value, parse
from waystation.model import SQL_TYPES, Column
from waystation.sdk import condition

EXAMPLES = int(os.environ.get("WAYSTATION_EXAMPLES", "100"))
COLUMNS = [Column("a", "text"), Column("n", "bigint"), *(Column(f"c_{name}", name) for name in SQL_TYPES)]


def test_the_tree_of_a_filter() -> None:
    assert parse("a = 1 or not b is null and C in ('x', 'y''z')") == Both(
        "or",
        (
            Asked("a", 1, "=", (Value("1", "number", 5),)),
            Both(
                "and",
                (
                    Not(Asked("b", 14, "is null")),
                    Asked("C", 28, "in", (Value("x", "text", 34), Value("y'z", "text", 39))),
                ),
            ),
        ),
    )
    assert parse('"not" <> -1.5e3') == Asked("not", 1, "!=", (Value("-1.5e3", "number", 10),))
    assert parse("a NOT Starts WITH 'x'") == Not(Asked("a", 1, "starts with", (Value("x", "text", 19),)))


WRONG = {
    "": (1, "the name of a column"),
    "a": (2, "one of ="),
    "a =": (4, "a number, a text"),
    "a = 1 b": (7, "`and`, `or` or the end"),
    "a = 'open": (5, "never closed"),
    "a = 'x\0'": (7, "a NUL"),
    'a = "open': (5, "never closed"),
    "(a = 1": (7, "')' was expected"),
    "a in ()": (7, "a number, a text"),
    "a in (1": (8, "')' was expected"),
    "a is 1": (6, "`null`"),
    "a = null": (5, "write `is null`"),
    "a == 1": (4, "a number, a text"),
    "a = 1; drop table x": (6, "';'"),
    "and = 1": (1, "in double quotes"),
    "a = b": (5, "a number, a text"),
    "1 = a": (1, "the name of a column"),
    "a not = 1": (7, "one of ="),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named_with_its_place(text: str) -> None:
    place, said = WRONG[text]
    with pytest.raises(InvalidFilter) as caught:
        parse(text)
    assert caught.value.extra == {"position": place}
    assert f"at character {place}:" in caught.value.detail
    assert said in caught.value.detail


MISFITS = {
    "z = 1": (1, "no column 'z'"),
    "n = 'x'": (5, "not a whole number"),
    "n = 1.5": (5, "not a whole number"),
    "n in (1, 99999999999999999999)": (10, "out of range"),
    "a = 1": (5, "in single quotes"),
    "n like '1%'": (1, "is for text"),
    "a like 1": (8, "needs a text"),
    "a like 'x\\'": (8, "escapes nothing"),
    "c_date = '2024-02-30'": (10, "February 2024 has 29 days"),
    "c_date = true": (10, "in single quotes"),
    "c_boolean = 'maybe'": (13, "neither true nor false"),
    "c_json = '1'": (1, "only be asked for `is null`"),
    "c_uuid = 'x'": (10, "uuid"),
}


@pytest.mark.parametrize("text", MISFITS)
def test_what_does_not_fit_the_columns_is_named_with_its_place(text: str) -> None:
    place, said = MISFITS[text]
    with pytest.raises(InvalidFilter) as caught:
        condition(text, COLUMNS)
    assert caught.value.extra == {"position": place}
    assert said in caught.value.detail.replace("UUID", "uuid")


def test_length_depth_and_size_are_limited() -> None:
    for text in (
        "a = 1" + " " * filters.LONGEST,
        "(" * 41 + "a = 1" + ")" * 41,
        "not " * 41 + "a = 1",
        f"a in ({'1,' * 501}1)",
    ):
        with pytest.raises(InvalidFilter):
            parse(text)
    assert parse("(" * 39 + "a = 1" + ")" * 39)


pieces = st.sampled_from(
    [
        *filters.WORDS,
        *filters.COMPARISONS,
        "(",
        ")",
        ",",
        "a",
        "n",
        '"c_date"',
        "'x'",
        "'%'",
        "1",
        "-2.5",
        "'2024-01-01'",
        "'",
        '"',
        "\\",
    ]
)


@settings(max_examples=EXAMPLES)
@given(st.lists(pieces, max_size=14).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_condition_or_an_error_with_a_place(text: str) -> None:
    assert _place(text) is None or 1 <= (_place(text) or 0) <= len(text) + 1


def _place(text: str) -> int | None:
    """Where it is wrong; None if it is right, and then there is SQL of it."""
    try:
        made = condition(text, COLUMNS)
    except InvalidFilter as error:
        return int(error.extra["position"])
    assert made(frozenset(c.name for c in COLUMNS)).as_string()
    return None


names = st.sampled_from(COLUMNS[:2]).map(lambda c: c.name)
texts = st.text(max_size=6).filter(lambda t: "\0" not in t)
tests = st.one_of(
    st.tuples(names, st.just(" is null")).map("".join),
    st.tuples(st.sampled_from(filters.COMPARISONS), st.integers(-9, 9)).map(lambda t: f"n {t[0]} {t[1]}"),
    texts.map(lambda t: "a = '" + t.replace("'", "''") + "'"),
)
trees = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(lambda i: f"not ({i})"), st.lists(inner, min_size=2, max_size=3).map(lambda p: "(" + " or ".join(p) + ")")
    ),
    max_leaves=8,
)


@settings(max_examples=EXAMPLES)
@given(trees)
def test_every_right_filter_is_read(text: str) -> None:
    assert parse(text)
