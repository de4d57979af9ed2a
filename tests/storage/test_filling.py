"""Batches that kinds fill with rows of their own: what goes in comes out, and what does not fit is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from waystation.errors import BadRow, InvalidName, WrongKind
from waystation.sdk.filling import NewBatch, check_dataset_name, columns_of
from waystation.storage import staging
from waystation.storage.db import Connection
from waystation.wiring import House

COLUMNS = columns_of({"id": "bigint", "born": "date", "seen": "timestamp", "data": "json", "sum": "numeric", "who": "uuid"})
ONE = UUID(int=1)


@pytest.fixture
def db(house: House) -> Iterator[Connection]:
    with house.database.connect("test") as connection:
        yield connection


@pytest.fixture
def batch(db: Connection) -> NewBatch:
    return NewBatch(db, staging.stage(db, uuid4(), "people", "append", COLUMNS))


def test_rows_come_out_as_they_went_in(db: Connection, batch: NewBatch) -> None:
    full = (1, date(2020, 2, 29), datetime(2021, 5, 6, 7, 8, 9, 10), {"a": [1, "ü\n"]}, Decimal("1.10"), ONE)
    assert batch.add_rows([full, {"id": "2", "born": "2019-01-01", "data": "a\ttext\\"}]) == 2
    assert batch.add_rows([]) == 0
    assert batch.add_rows({"id": n} for n in (3, 4)) == 2
    assert batch.rows == 4
    found = db.execute(f"SELECT * FROM parts.p{batch._staged.parts[0].id} ORDER BY _row").fetchall()
    assert [r["_row"] for r in found] == [1, 2, 3, 4]
    assert tuple(found[0].values())[2:] == full
    assert tuple(found[1].values())[2:] == (2, date(2019, 1, 1), None, "a\ttext\\", None, None)
    ledger = staging.ledger(db, batch._staged, since=0)
    assert [(c.first_row, c.last_row) for c in ledger] == [(1, 2), (3, 4)]
    assert ledger[0].zones == {"born": ["2019-01-01", "2020-02-29", 2], "seen": [*["2021-05-06 07:08:09.000010"] * 2, 1]}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"id": "many"}, r"Row 2, column 'id': invalid input syntax for type bigint"),
        ({"id": 2**70}, r"Row 2, column 'id': value .* out of range"),
        ({"born": "2019-02-30"}, "Row 2, column 'born': '2019-02-30' is no date"),
        ({"born": datetime(2019, 1, 1)}, "Row 2, column 'born'"),
        ({"seen": datetime(2019, 1, 1, tzinfo=UTC)}, "time zone"),
        ({"id": object()}, "Row 2: cannot adapt"),
        ({"nobody": 1}, "Row 2 has 'nobody': no such column"),
        ((1, 2), "no sequence of 6 values"),
        ("123456", "no mapping"),
    ],
)
def test_what_does_not_fit_is_named(db: Connection, batch: NewBatch, row: object, says: str) -> None:
    with pytest.raises(BadRow, match=says) as caught:
        batch.add_rows([{"id": 1}, row])  # type: ignore[list-item]
    assert "column" in caught.value.hint or "zone" in caught.value.hint
    db.rollback()


def test_wrong_columns_and_names_are_refused() -> None:
    with pytest.raises(WrongKind, match="no type 'string'") as caught:
        columns_of({"a": "string"})
    assert "text" in caught.value.hint
    for wrong in ({}, {"_row": "text"}, {"ctid": "text"}, {"a" * 64: "text"}):
        with pytest.raises(WrongKind, match="no names for columns"):
            columns_of(wrong)
    with pytest.raises(InvalidName):
        check_dataset_name("No Good")
