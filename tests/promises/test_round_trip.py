"""Export, import, export: the same bytes, whatever the values. WAYSTATION_EXAMPLES sets how many datasets are tried."""

from __future__ import annotations

import csv
import io
import os
import uuid
from collections.abc import Sequence
from datetime import date, datetime, time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.promises.exporting import done, exported
from tests.support import send
from waystation.csvio.formulas import STARTS
from waystation.wiring import House

EXAMPLES = int(os.environ.get("WAYSTATION_EXAMPLES", "4"))

CONTROLS = "".join(map(chr, [*range(32), *range(127, 160)]))  # many of them tell a binary file, which is refused at the upload
texts = st.text(st.characters(codec="utf-8", exclude_characters=CONTROLS), max_size=8) | st.sampled_from(
    ['"', '""', ",", ";", "\n", "\r\n", "\r", "\t", " ", "'", "\\N", "\\.", "NULL", "=1", "﻿", "a\n\n", "\\"]
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "numeric": st.decimals(allow_nan=False, allow_infinity=False, places=6).map(lambda d: f"{d:f}") | st.just("0.10"),
    "double": st.floats().map(repr),
    "boolean": st.sampled_from(["true", "F", "1", "no"]),
    "date": st.dates(date(1, 1, 1)).map(str),
    "timestamp": st.datetimes(datetime(1, 1, 1)).map(lambda d: d.isoformat(" ")),
    "time": st.times().map(time.isoformat),
    "uuid": st.uuids().map(str) | st.just(str(uuid.UUID(int=0)).upper()),
    "json": st.sampled_from(['{"a": [1, 2.50, null]}', '"x"', "[ ]", '{"k":\n"\\u00e9"}', "1e5", '{"a":1,"a":2}']),
    "text": texts,
}
row = st.tuples(*(st.just("") | value for value in VALUES.values()))


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    return out.getvalue().encode()


def same_again(desk: House, data: bytes, types: dict[str, str], delimiter: str = ",") -> None:
    """Import, export, import what was exported, export: the two exports are the same, and have as many rows."""
    names = [f"r{uuid.uuid4().hex}" for _ in range(2)]
    first = done(desk, send(desk, data, dataset=names[0], types=types))
    assert first.counts["bad"] == 0, first.result
    one = exported(desk, dataset=names[0], delimiter=delimiter)
    second = done(desk, send(desk, one, dataset=names[1], types=types, delimiter=delimiter))
    assert (second.counts["bad"], second.counts["good"]) == (0, first.counts["good"])
    assert exported(desk, dataset=names[1], delimiter=delimiter) == one


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(row, min_size=1, max_size=25), st.sampled_from([",", ";", "\t", "|"]))
def test_all_types(desk: House, rows: list[tuple[str, ...]], delimiter: str) -> None:
    types = {f"c_{kind}": kind for kind in VALUES}
    same_again(desk, table(list(types), rows), types, delimiter)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(texts, min_size=1, max_size=25))
def test_one_column_of_text(desk: House, rows: list[str]) -> None:
    same_again(desk, table(["only"], [[value] for value in rows]), {"only": "text"})


formulas = st.text(st.sampled_from("'=+-@\ta1,\""), min_size=1, max_size=6)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(formulas | texts, min_size=1, max_size=25), st.sampled_from(["=SUM(A1)", "'-x", "plain"]))
def test_the_guard_against_formulas_is_taken_off_again(desk: House, rows: list[str], name: str) -> None:
    names = [f"r{uuid.uuid4().hex}" for _ in range(2)]
    data = table([name, "n"], [[value, str(at)] for at, value in enumerate(rows)])
    done(desk, send(desk, data, dataset=names[0], types={name: "text"}))
    guarded = exported(desk, dataset=names[0], formulas="guard")
    cells = [cell for line in csv.reader(io.StringIO(guarded.decode(), newline="")) for cell in line]
    assert not [cell for cell in cells if cell[:1] in set(STARTS)]
    done(desk, send(desk, guarded, dataset=names[1], types={name: "text"}, formulas="unguard"))
    assert exported(desk, dataset=names[1]) == exported(desk, dataset=names[0])
