"""How many rows a download would have, told from the ledger: the bounds always hold, and little doubt is counted away."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.promises.exporting import done, exported
from tests.support import send
from waystation.kinds.export_csv import ExportParams, question_of
from waystation.storage import estimating
from waystation.storage.estimating import Estimate, estimate
from waystation.wiring import House

FIRST = date(2020, 1, 1)
DAYS = 250
FILTERS: dict[str | None, Callable[[int], bool]] = {
    None: lambda n: True,
    "n < 500": lambda n: n < 500,
    "n = 3": lambda n: n == 3,
    "n is null": lambda n: False,
    "not n < 250": lambda n: n >= 250,
}


@pytest.fixture(scope="module")
def counted(desk: House) -> list[tuple[int, date | None]]:
    """Two batches of small chunks, one in the order of its days and one in none; every tenth row has no day."""
    draw, rows = random.Random(7), []
    for ordered in (True, False):
        batch = [(n, FIRST + timedelta(days=n // 8 if ordered else draw.randrange(DAYS))) for n in range(2000)]
        made = [(n, day if n % 10 else None) for n, day in batch]
        data = "n,day\n" + "".join(f"{n},{day or ''}\n" for n, day in made)
        done(desk, send(desk, data.encode(), dataset="counted"))
        rows += made
    return rows


def estimated(desk: House, **asked: object) -> Estimate:
    params = ExportParams.model_validate({"dataset": "counted", **asked})
    with desk.database.transaction() as connection:
        return estimate(connection, "counted", question_of(params, desk.control.dataset("counted")))


def rows_of(desk: House, **asked: object) -> int:
    found = exported(desk, dataset="counted", **asked)
    return sum(1 for _ in csv.reader(io.StringIO(found.decode()))) - 1


days = st.integers(-5, DAYS + 5).map(lambda n: str(FIRST + timedelta(days=n)))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(days, min_size=2, max_size=2).map(sorted), st.sampled_from(list(FILTERS)), st.booleans())
def test_the_bounds_hold(
    desk: House, counted: list[tuple[int, date | None]], between: list[str], where: str | None, countable: bool
) -> None:
    asked: dict[str, object] = {"from": between[0], "till": between[1]}
    if where:
        asked["filter"] = where
    wanted = sum(1 for n, day in counted if day and between[0] <= str(day) <= between[1] and FILTERS[where](n))
    with pytest.MonkeyPatch.context() as patch:
        if not countable:
            patch.setattr(estimating, "COUNTABLE", 0)
        found = estimated(desk, **asked)
    assert found.low <= wanted <= found.high
    assert found.low <= found.rows <= found.high
    if countable:
        assert found.rows == found.low == found.high


def test_a_guess_is_near_where_the_days_lie_in_no_order(
    desk: House, counted: list[tuple[int, date | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"from": "2020-02-01", "till": "2020-03-31"}
    wanted = rows_of(desk, **asked)
    monkeypatch.setattr(estimating, "COUNTABLE", 0)
    monkeypatch.setattr(estimating, "WINDOW", 20)
    found = estimated(desk, **asked)
    assert found.seen < 2000
    assert found.low < wanted < found.high
    assert abs(found.rows - wanted) < 0.25 * wanted


def test_without_a_range_every_row_counts(desk: House, counted: list[tuple[int, date | None]]) -> None:
    found = estimated(desk)
    assert (found.rows, found.low, found.high, found.seen) == (4000, 4000, 4000, 0)


def test_chunks_of_older_days_do_not_say_how_many_rows_have_a_date(
    desk: House, counted: list[tuple[int, date | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"from": "2019-01-01", "till": "2022-01-01"}
    assert estimated(desk, **asked) == Estimate(3600, 3600, 3600)
    with desk.database.transaction() as connection:
        connection.execute("UPDATE chunks SET zones = zones #- '{day,2}'")
    assert estimated(desk, **asked) == Estimate(3600, 3600, 3600, 3600, 3600)
    monkeypatch.setattr(estimating, "COUNTABLE", 0)
    found = estimated(desk, **asked)
    assert (found.low, found.high) == (0, 4000)
