"""The plan of an import: where it stops and what it leaves to others depends on the file, not on where chunks are cut."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

import pytest

from waystation.csvio.dialect import Dialect
from waystation.csvio.encode import ColumnPlan
from waystation.csvio.limits import FileLimits
from waystation.errors import AbortedOnError, TooManyRejects, WaystationError
from waystation.kinds.budget import MaxErrors
from waystation.kinds.planning import Place, Plan, Rules
from waystation.sdk.streams import LedgerRow

COLUMNS = [ColumnPlan(0, "n", "bigint"), ColumnPlan(1, "s", "text")]
SIZES = [1, 7, 100, 1000, 50_000]  # rows of a chunk


def dirty(rows: int, every: int) -> bytes:
    """Records of two lines, one in `every` with a number that is none, and a blank line here and there."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    for n in range(1, rows + 1):
        writer.writerow((f"x{n}" if n % every == 0 else n, f"line one\nline {n}"))
        out.write("\n" * (n % 1000 == 0))
    return out.getvalue().encode()


@dataclass
class Read:
    """What a plan gave until its end."""

    place: Place
    rows: list[LedgerRow] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    error: WaystationError | None = None


def read(
    data: bytes,
    *,
    most_rows: int,
    place: Place | None = None,
    known: tuple[LedgerRow, ...] = (),
    on_error: str = "reject",
    max_errors: MaxErrors = None,
) -> Read:
    """Follow a plan to its end."""
    rules = Rules(
        dialect=Dialect(),
        plans=COLUMNS,
        width=2,
        ragged="reject",
        size=len(data),
        limits=FileLimits(),
        on_error="abort" if on_error == "abort" else "reject",
        max_errors=max_errors,
    )
    made = Read(place or Place(0, 1, 1, 0, 0, {}))
    plan = Plan(io.BytesIO(data), made.place, rules, known=known, most_rows=most_rows)
    try:
        while (planned := plan.next(1)) is not None:
            row, encoded = planned
            made.rows.append(row)
            made.place = made.place.after(row)
            if encoded is not None:
                made.rejected += [r.record for r in encoded.rejects]
                plan.learn(row, 0.1)
    except WaystationError as error:
        made.error = error
    assert plan.place == made.place
    return made


@pytest.mark.parametrize("most_rows", SIZES)
def test_a_budget_ends_at_the_record_that_breaks_it(most_rows: int) -> None:
    data = dirty(3000, 100)
    made = read(data, most_rows=most_rows, max_errors=20)
    assert isinstance(made.error, TooManyRejects)
    assert (made.place.good, made.place.bad, made.place.record) == (2079, 21, 2101)
    assert made.rejected == list(range(100, 2101, 100))
    assert made.error.detail == "21 rows were rejected up to line 4,202; the budget (max_errors) is 20."
    rest = read(data, most_rows=most_rows, place=made.place, max_errors=30)
    assert rest.error is None
    assert (rest.place.good, rest.place.bad, rest.place.offset) == (2970, 30, len(data))
    again = read(data, most_rows=most_rows, place=made.place, max_errors=20)
    assert str(again.error) == str(made.error), "a retry with the same budget ends there at once"


def test_a_budget_in_percent_ends_at_one_record_too() -> None:
    data = dirty(3000, 3)
    ends = [read(data, most_rows=size, max_errors="1%") for size in SIZES]
    assert isinstance(ends[0].error, TooManyRejects)
    assert 0 < ends[0].place.offset < len(data)
    assert {(end.place, str(end.error)) for end in ends} == {(ends[0].place, str(ends[0].error))}


@pytest.mark.parametrize("most_rows", SIZES)
def test_an_abort_takes_all_that_is_before_the_bad_row(most_rows: int) -> None:
    data = dirty(3000, 1111)
    made = read(data, most_rows=most_rows, on_error="abort")
    assert isinstance(made.error, AbortedOnError)
    assert (made.place.good, made.place.bad) == (1110, 0)
    assert made.error.extra["line"] == 2222, "one blank line is above it"


@pytest.mark.parametrize("most_rows", SIZES)
def test_chunks_that_are_in_keep_their_bounds_and_only_the_gaps_are_read(most_rows: int) -> None:
    data = dirty(3000, 100)
    rows = read(data, most_rows=300).rows
    for known in (rows[1:2], rows[2:5], [rows[1], rows[3]], rows[3:4] + rows[6:]):
        made = read(data, most_rows=most_rows, known=tuple(known))
        assert set(map(id, known)) <= set(map(id, made.rows))
        assert made.place == Place(len(data), 3001, 6004, 2970, 30, {"n\tis not a whole number": 30})
        inside = [n for row in known for n in range(row.first_row, row.last_row + 1)]
        assert made.rejected == [n for n in range(100, 3001, 100) if n not in inside]
        starts = [0, *(row.end for row in made.rows[:-1])]
        assert [row.start for row in made.rows] == starts
