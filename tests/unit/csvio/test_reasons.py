"""Rejects are counted by what is wrong, whatever their values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystation.csvio import reasons
from waystation.csvio.constraints import Constraint, check_of
from waystation.csvio.reasons import added, listed, tally, without_value
from waystation.csvio.rejects import Reject, copy_rows, shown
from waystation.csvio.types import TYPES
from waystation.csvio.words import Phrase, misfit

VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300)
WORDS = st.text("abc' \":0", min_size=1, max_size=12)


@given(st.sampled_from(list(Phrase)), VALUES, VALUES, WORDS)
def test_two_values_of_a_sort_are_one_sort(phrase: Phrase, one: str, other: str, noun: str) -> None:
    made = [without_value(str(misfit(phrase, value, noun, "x", "y", "z")), shown(value)) for value in (one, other)]
    if not phrase.startswith("{0}"):
        one, other = "x", "y"  # these say nothing of the value, but what they say of the record may differ
        made = [without_value(phrase.format(words, noun), "") for words in (one, other)]
    assert made[0] == made[1]
    assert made[0]


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("bigint", ["x", "it's", "a\tb", "'"], "is not a whole number"),
        ("date", ["2021-13-01", "2021-99-01"], "is not a date: there is no such month"),
        ("date", ["2021-02-30", "2021-04-31"], "is not a date: its month has fewer days"),
        ("json", ["{", '{"a" 1}', "[NaN]"], "is not JSON"),
        ("boolean", ["perhaps", "' is neither true nor false"], "is neither true nor false"),
    ],
)
def test_what_types_refuse(kind: str, values: list[str], words: str) -> None:
    for value in values:
        with pytest.raises(ValueError) as error:
            TYPES[kind].parse(value)
        assert without_value(str(error.value), value) == words


def test_what_constraints_refuse() -> None:
    check = check_of("c", "text", Constraint(pattern="[A-Z]+", one_of=["A", "B"]))
    assert check is not None
    for value, words in (("it's", "does not fit the pattern '[A-Z]+'"), ("C", "is not one of 'A', 'B'")):
        assert without_value(check(value) or "", value) == words


def test_records_as_a_whole() -> None:
    same = {without_value(Phrase.ONE_FIELD.replace("{1}", "4"), ""), without_value(Phrase.FIELDS.format(7, 4), "")}
    assert same == {"has another number of fields than the header, which has 4"}
    assert without_value(Phrase.BYTE.replace("{0}", "e9"), "caf\\xe9") == "a byte is not valid UTF-8"


def test_rows_are_counted_and_the_commonest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(column: str | None, value: str, reason: str) -> Reject:
        return Reject(1, 1, column, value, reason, (value,))

    rows = [row("a", f"v\n{n}", f"'v\\n{n}' is not a date") for n in range(5)]
    rows += [row(None, "", "has 2 fields, the header has 3"), row("b", "x", "a value is required")]
    found = tally(copy_rows(rows))
    assert listed(added({"b\ta value is required": 3}, found)) == [
        {"column": "a", "reason": "is not a date", "rows": 5},
        {"column": "b", "reason": "a value is required", "rows": 4},
        {"column": None, "reason": "has another number of fields than the header, which has 3", "rows": 1},
    ]
    monkeypatch.setattr(reasons, "MOST", 2)
    few = added(added({}, found), {"c\tx": 2, "d\tx": 1})
    assert sum(few.values()) == 10
    assert few[reasons.REST] == 4, "the sorts beyond the most are one"
