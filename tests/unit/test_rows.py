"""ctx.rows and ctx.each: each record and item once, in order, and from any place the rest and nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystation.errors import BadRow, EmptyFile, WrongKind
from waystation.sdk import Row
from waystation.sdk.rows import BLOCK, Place, items_of, rows_of

FIELD = st.text(st.sampled_from("ab,;\"' \t\r\n\u00e9\u20ac\U0001f600"), max_size=12)


def read(data: bytes, cursor: object = None, **options: object) -> list[tuple[Row, Place]]:
    return list(rows_of(io.BytesIO(data), len(data), cursor, **options))  # type: ignore[arg-type]


@given(st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_from_every_place_comes_the_rest(records: list[tuple[str, str]], end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=end).writerows([("name", "city"), *records])
    data = text.getvalue().encode()
    found = read(data)
    assert [(r["name"], r["city"]) for r, _ in found] == records
    assert [r.number for r, _ in found] == list(range(1, len(records) + 1))
    for at, (_, place) in enumerate(found, 1):
        assert (place.done, place.total) == (at, len(records))
        cursor = json.loads(json.dumps(place.cursor))
        assert [(r, r.line, r.number) for r, _ in read(data, cursor)] == [(r, r.line, r.number) for r, _ in found[at:]]


def test_a_file_of_many_blocks_is_read_whole_and_its_total_is_reckoned() -> None:
    lines = [f'{n},"text, of ""row"" {n}\nwith two lines"' for n in range(20_000)]
    data = ("id,text\n" + "\n".join(lines) + "\n").encode()
    assert len(data) > 3 * BLOCK
    found = read(data)
    assert [int(r["id"]) for r, _ in found] == list(range(20_000))
    assert [r.line for r, _ in found] == list(range(2, 40_002, 2))
    first = found[0][1].total
    assert first is not None
    assert abs(first - 20_000) < 1_000
    assert found[-1][1].total == 20_000
    assert [r for r, _ in read(data, found[9_999][1].cursor)] == [r for r, _ in found[10_000:]]


def test_blank_lines_are_no_rows_and_lines_are_those_of_the_file() -> None:
    found = read(b"a,b\n\n1,2\n\n\n3,4\n")
    assert [(r, r.line, r.number) for r, _ in found] == [({"a": "1", "b": "2"}, 3, 1), ({"a": "3", "b": "4"}, 6, 2)]


BAD = b"a,b\n1,2\n3\n\xff,5\n6,7\n8,9,10\n"


def test_a_bad_row_is_named_by_its_line() -> None:
    rows = rows_of(io.BytesIO(BAD), len(BAD))
    assert next(rows)[0] == {"a": "1", "b": "2"}
    with pytest.raises(BadRow, match=r"Line 3: has 1 field, the header has 2\.") as caught:
        next(rows)
    assert caught.value.extra == {"line": 3}


def test_bad_rows_are_passed_over_and_counted_if_wanted() -> None:
    said: list[tuple[str, int]] = []
    found = read(BAD, skipped=lambda bad, number: said.append((bad.detail, number)))
    assert [(r, r.number) for r, _ in found] == [({"a": "1", "b": "2"}, 1), ({"a": "6", "b": "7"}, 4)]
    assert [number for _, number in said] == [1, 2, 3]
    assert said[1][0] == "Line 4, column 'a': the byte 0xFF is not valid UTF-8."
    again: list[int] = []
    assert read(BAD, found[1][1].cursor, skipped=lambda bad, number: again.append(number)) == []
    assert again == [3], "it counts on"


def test_what_is_no_csv_and_what_is_no_cursor() -> None:
    with pytest.raises(EmptyFile):
        read(b"")
    with pytest.raises(WrongKind, match=r"none that ctx\.rows gave"):
        read(b"a\n1\n", 17)
    with pytest.raises(WrongKind, match=r"none that ctx\.each gave"):
        list(items_of([1], {"byte": 1}))


@pytest.mark.parametrize("items", [[5, 6, 7], range(5, 8), (n for n in (5, 6, 7))], ids=["list", "range", "generator"])
def test_each_goes_on_after_what_is_done(items: Iterable[int]) -> None:
    total = 3 if hasattr(items, "__len__") else None
    assert list(items_of(items, 1)) == [(6, Place(2, 2, total)), (7, Place(3, 3, total))]
