"""The made-up people: the same for the same seed, from any block on."""

from __future__ import annotations

import csv
import io
import itertools

import pytest

from waystation.csvio import people
from waystation.csvio.infer import infer
from waystation.csvio.sniff import sniff


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def test_a_file_of_people() -> None:
    data = people.HEADER + b"".join(people.blocks(25_000))
    header, *body = rows(data)
    assert header == ["name", "age", "phone", "email", "address", "record_date"]
    assert len(body) == 25_000
    assert {len(row) for row in body} == {6}
    assert all(18 <= int(row[1]) <= 90 for row in body)
    assert all(row[2][0] in "0+" for row in body)
    addresses = [row[4] for row in body]
    assert any("," in a and "\n" not in a for a in addresses)
    assert any("\n" in a for a in addresses)
    assert any("," not in a for a in addresses)
    days = {row[5] for row in body}
    assert min(days) == "2010-01-01"
    assert max(days) == "2020-12-31"
    assert any("2010-02-15" <= day <= "2019-03-15" for day in days)
    found = infer(io.BytesIO(data), sniff(io.BytesIO(data)))
    assert [f.type for f in found] == ["text", "bigint", "text", "text", "text", "date"]


def test_a_seed_gives_the_same_rows_and_another_gives_others() -> None:
    first = b"".join(people.blocks(300, seed=3, block_rows=100))
    people._pools.cache_clear()
    assert b"".join(people.blocks(300, seed=3, block_rows=100)) == first
    assert b"".join(people.blocks(300, seed=4, block_rows=100)) != first


@pytest.mark.parametrize("start", [0, 100, 130, 250, 299, 300])
def test_making_goes_on_from_any_row(start: int) -> None:
    whole = rows(b"".join(people.blocks(300, block_rows=100)))
    assert rows(b"".join(people.blocks(300, start=start, block_rows=100))) == whole[start:]


def test_a_shorter_file_is_the_beginning_of_a_longer_one() -> None:
    longer = b"".join(people.blocks(300, block_rows=100))
    assert longer.startswith(b"".join(people.blocks(150, block_rows=100)))
    assert list(people.blocks(0)) == []


def test_blocks_differ() -> None:
    made = list(people.blocks(500, block_rows=100))
    assert [len(rows(block)) for block in made] == [100] * 5
    assert all(a != b for a, b in itertools.combinations(made, 2))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        next(people.blocks(-1))
