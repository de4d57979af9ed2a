"""Columns that were exchanged are noticed; columns that are only alike, or new, are not."""

from __future__ import annotations

import pytest

from tests.support import people_csv
from waystation.csvio.swapped import shape, swapped


def columns(seed: int, rows: int = 60) -> dict[str, list[str]]:
    """Columns of made-up people."""
    import csv
    import io

    header, *found = csv.reader(io.StringIO(people_csv(rows, seed).decode(), newline=""))
    return {name: [row[at] for row in found] for at, name in enumerate(header)}


def exchanged(file: dict[str, list[str]], one: str, two: str) -> dict[str, list[str]]:
    """The same with the values of two columns exchanged."""
    return {**file, one: file[two], two: file[one]}


@pytest.mark.parametrize(
    ("one", "two"), [("name", "age"), ("phone", "email"), ("email", "address"), ("age", "record_date"), ("name", "record_date")]
)
def test_two_exchanged_columns_are_told(one: str, two: str) -> None:
    known, file = columns(1), columns(2)
    found = swapped(exchanged(file, one, two), known)
    assert [{f.first, f.second} for f in found] == [{one, two}]
    assert one in found[0].sentence
    assert file[two][0][:10] in found[0].sentence


def test_two_pairs_are_told_apart() -> None:
    file = exchanged(exchanged(columns(2), "name", "age"), "phone", "email")
    found = {frozenset((f.first, f.second)) for f in swapped(file, columns(1))}
    assert found == {frozenset({"name", "age"}), frozenset({"phone", "email"})}


def test_a_file_like_the_dataset_is_not_suspected() -> None:
    for seed in range(2, 12):
        assert swapped(columns(seed), columns(1)) == []


def test_too_few_values_new_columns_and_alike_ones_are_not_suspected() -> None:
    known = columns(1)
    few = {name: values[:4] for name, values in columns(2).items()}
    assert swapped(exchanged(few, "name", "age"), known) == []
    assert swapped({"a": ["1"] * 9, "b": ["x"] * 9}, known) == []
    dates = {"begin": ["2020-01-02"] * 9, "end": ["2021-03-04"] * 9}
    assert swapped(exchanged(dates, "begin", "end"), dates) == []
    assert swapped({}, {}) == []


def test_shapes() -> None:
    assert [shape(v) for v in ("ada@x.org", "Ada  Byron", "2020-01-02", "12", "123456789", "")] == [
        "a@a.a",
        "A A",
        "9999-99-99",
        "99",
        "999999",
        "",
    ]
