"""The fast encoders make of any bytes what the plain one makes, and PostgreSQL reads the same rows from all."""

from __future__ import annotations

import csv
import io
import locale
import os
import subprocess
import sys
import threading

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.csvio.dialects import dialects
from tests.unit.csvio.examples import ASKED, ran, some
from tests.unit.csvio.rows import ENCODERS, needs_arrow, needs_compiled
from tests.unit.csvio.twins import CHECKS, ELSEWHERE, FORMATS, HARD, compare
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan
from waystation.csvio.reading import Ragged
from waystation.csvio.types import TYPES
from waystation.local import Servers

FAST = [name for name in ENCODERS if name != "plain"]
pytestmark = pytest.mark.skipif(not FAST, reason="no encoder but the plain one is installed, or wanted")
COMMA = Dialect()

words = [cell.encode() for cells in (*HARD.values(), ELSEWHERE) for cell in cells]
odd = [b"\xe9", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xf0\x9f\x98", b"\0", b"\x80"]
marks = [b",", b",", b";", b'"', b'"', b"'", b"\n", b"\n", b"\r", b"\r\n", b'""', b'","', b"\\", b'\\"', b"\\\n"]
pieces = st.lists(st.sampled_from([*words, *odd, *marks * 12]), max_size=60).map(b"".join)
files = st.one_of(pieces, pieces, st.binary(max_size=80))


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[ColumnPlan], int]:
    """Columns for records of some width: any types, formats and conditions, some left out, some taken twice, some not there."""
    width = draw(st.integers(1, 5))
    column = st.builds(
        ColumnPlan,
        position=st.one_of(st.integers(0, width - 1), st.integers(0, width - 1), st.none()),
        name=st.sampled_from(["a", "b\tc", "d"]),
        type=st.sampled_from(sorted(TYPES)),
        format=st.sampled_from(FORMATS),
        required=st.booleans(),
        check=st.sampled_from(CHECKS),
    )
    return draw(st.lists(column, max_size=6)), width


@some(400)
@given(
    data=files,
    dialect=dialects(),
    planned=plans(),
    first=st.sampled_from([1, 2**33]),
    ragged=st.sampled_from(["reject", "trim", "fill"]),
)
@example(data=b'"a\r\n', dialect=COMMA, planned=([], 1), first=1, ragged="reject")
@example(data=b'"\xc3"\xa9', dialect=COMMA, planned=([], 1), first=1, ragged="reject")
@example(data=b"\xe6\\\x9c\xac\xe8,\xe6\\\x9c\xac", dialect=Dialect(escape="\\"), planned=([], 2), first=1, ragged="reject")
@example(data=b"\xf0\\\x9f\x98\x80" + b"x" * 198, dialect=Dialect(escape="\\"), planned=([], 1), first=1, ragged="reject")
@example(data=b"\xf0\\\x9f\x98\x80" + b"x" * 300, dialect=Dialect(escape="\\"), planned=([], 1), first=1, ragged="reject")
@example(data=b'a,"b"c,"d\n\xff', dialect=COMMA, planned=([], 3), first=1, ragged="reject")
def test_any_bytes(data: bytes, dialect: Dialect, planned: tuple[list[ColumnPlan], int], first: int, ragged: Ragged) -> None:
    ran("any bytes through all encoders")
    compare(data, dialect, planned[0], planned[1], first=first, ragged=ragged)


@some(250)
@given(data=st.data(), ends=st.sampled_from(["\n", "\r\n", "\r"]), every=st.booleans())
def test_tables_of_hard_cells(data: st.DataObject, ends: str, every: bool) -> None:
    ran("tables of hard cells through all encoders")
    kinds = data.draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=5))
    form = data.draw(st.sampled_from(FORMATS))
    numbers = st.from_regex(r"-?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
    cells = [
        st.one_of(st.sampled_from([*HARD[kind], *ELSEWHERE, ""]), *([numbers] if kind in ("numeric", "double") else []))
        for kind in kinds
    ]
    rows = data.draw(st.lists(st.tuples(*cells), max_size=12))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ends, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL).writerows(rows)
    plan = [ColumnPlan(n, f"c{n}", kind, form) for n, kind in enumerate(kinds)]
    records = compare(out.getvalue().encode(), COMMA, plan, len(kinds))
    assert records == len(rows) or not every  # unasked, the csv module quotes only those line ends that it writes itself


def test_utf8_is_what_python_says_it_is() -> None:
    seconds, thirds = range(256), (0x7F, 0x80, 0xBF, 0xC0)
    pairs = [bytes((first, second)) for first in range(0x7E, 0x100) for second in seconds]
    triples = [bytes((first, second, third)) for first in range(0xDF, 0xF6) for second in seconds for third in thirds]
    fours = [made + bytes((last,)) for made in triples if made[0] > 0xEE for last in thirds]
    for shapes in (pairs, triples, fours):
        data = b"\n".join(shapes)
        assert compare(data, COMMA, [ColumnPlan(0, "v", "text")], 1) > len(shapes) * 0.9
    more = b"".join(b"a" * (n % 40) + made + b"b\n" for n, made in enumerate(triples))
    assert compare(more, COMMA, [ColumnPlan(0, "v", "text")], 1) > len(triples) * 0.9


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_each_hard_cell_of_each_type(kind: str) -> None:
    cells = {cell for cells in (*HARD.values(), ELSEWHERE) for cell in cells} - {"\r\n", "\r", "a\r\n\nb"}
    for form in FORMATS:
        for ends in ("\n", "\r"):
            data = ends.join(f'"{cell}"{ends}{cell}' for cell in sorted(cells) if '"' not in cell)
            assert compare(data.encode(), COMMA, [ColumnPlan(0, "v", kind, form)], 1) > 500
    for cell in cells:
        for quoted in (f'"{cell}"', cell):
            compare(quoted.encode(), COMMA, [ColumnPlan(0, "v", kind)], 1)


@some(150)
@given(number=st.floats(allow_nan=False), digits=st.integers(1, 30))
def test_doubles_are_rounded_as_python_rounds_them(number: float, digits: int) -> None:
    ran("doubles through all encoders")
    plan = [ColumnPlan(0, "v", "double")]
    compare(f"{number!r}\n{number:.{digits}e}\n{number:.{digits}g}\n".encode(), COMMA, plan, 1)


def test_what_is_printable_is_what_python_says_it_is() -> None:
    every = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000 and chr(code) not in ',"\r\n']
    rows = ["".join(every[at : at + 50]) + "x" for at in range(0, len(every), 50)]
    rows = [*(f"x{char}" for char in every[:0x400]), *rows[:: 1 if ASKED else 9]]
    assert compare("\n".join(rows).encode(), COMMA, [ColumnPlan(0, "v", "bigint")], 1) == len(rows)


@pytest.mark.parametrize("whole", ["", "1" * 131_072, "1" * 131_073])
@pytest.mark.parametrize("fraction", ["", "." + "7" * 16_383, "." + "7" * 16_384, "." + "0" * 16_383])
def test_numerics_of_very_many_digits(whole: str, fraction: str) -> None:
    compare(f"-{whole or '0'}{fraction}\n".encode(), COMMA, [ColumnPlan(0, "v", "numeric")], 1)


def test_postgresql_reads_the_same_rows_from_both(servers: Servers) -> None:
    kinds = sorted(TYPES)
    longest = max(map(len, HARD.values()))
    extremes = {"numeric": ["1" * 131_072 + "." + "7" * 16_383, "-0." + "0" * 16_382 + "1"]}
    columns = [[*HARD[kind], *extremes.get(kind, [])] for kind in kinds]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for at, column in enumerate(columns):  # each cell in a row of its own, so that a bad one costs no good one
        writer.writerows([cell if n == at else "" for n in range(len(kinds))] for cell in column)
    plan = [ColumnPlan(n, f"c{n}", kind) for n, kind in enumerate(kinds)]
    assert servers.database_url
    with psycopg.connect(servers.database_url) as connection:
        counts = []
        for name, encode in ENCODERS.items():
            fields = ", ".join(f"c{n} {TYPES[kind].sql}" for n, kind in enumerate(kinds))
            connection.execute(f"CREATE TEMP TABLE {name} (_batch bigint, _row bigint, {fields})".encode())
            made = encode(out.getvalue().encode(), COMMA, plan, width=len(kinds), batch=-1, first_record=1, first_line=1)
            with connection.cursor().copy(
                f"COPY {name} FROM STDIN (FORMAT {'binary' if made.binary else 'text'})".encode()
            ) as copy:
                copy.write(made.data)
            counts.append(made.rows_good)
        for name in FAST:
            differing = f"SELECT p, c FROM plain p FULL JOIN {name} c USING (_row) WHERE p::text IS DISTINCT FROM c::text"
            assert connection.execute(differing.encode()).fetchall() == []
            assert connection.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() == (counts[0],)
        assert set(counts) == {counts[0]}
        assert counts[0] > longest


@pytest.mark.parametrize("name", FAST)
def test_a_type_of_later_days_is_left_to_the_plain_encoder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TYPES, "later", TYPES["bigint"])
    plan = [ColumnPlan(0, "v", "later")]
    made = ENCODERS[name](b"1\nx\n", COMMA, plan, width=1, batch=1, first_record=1, first_line=1)
    assert (made.binary, made.rows_good, made.rows_bad) == (False, 1, 1)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_column_that_no_record_has_is_refused(name: str) -> None:
    with pytest.raises(IndexError):
        ENCODERS[name](b"1\n", COMMA, [ColumnPlan(1, "v", "text")], width=1, batch=1, first_record=1, first_line=1)


@needs_compiled
def test_a_wrong_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match="dialect"):
        ENCODERS["compiled"](b"1\n", Dialect(delimiter='"'), [], width=1, batch=1, first_record=1, first_line=1)


@pytest.mark.parametrize("name", FAST)
def test_other_threads_run_during_the_pass(name: str) -> None:
    chunk = b"1,2020-01-01,abc\n" * 2_000_000
    plan = [ColumnPlan(0, "a", "bigint"), ColumnPlan(1, "b", "date"), ColumnPlan(2, "c", "text")]
    began, ended = threading.Event(), threading.Event()
    seen: list[None] = []

    def count() -> None:
        began.set()
        while not ended.is_set():
            seen.append(None)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    counter = threading.Thread(target=count)
    counter.start()
    try:
        began.wait()
        before = len(seen)
        ENCODERS[name](chunk, COMMA, plan, width=3, batch=1, first_record=1, first_line=1)
        assert len(seen) > before + 10_000  # held all the time, the lock would have let next to nothing through
    finally:
        ended.set()
        counter.join()
        sys.setswitchinterval(switch)


def test_a_comma_as_decimal_sign_changes_nothing() -> None:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("this machine has no German locale")
    try:
        compare(b"0.12345678901234567890123\n1.5e300\n", COMMA, [ColumnPlan(0, "v", "double")], 1)
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)


@needs_compiled
@needs_arrow
@pytest.mark.parametrize(
    ("wanted", "which"), [("plain", "plain"), ("arrow", "arrow"), ("compiled", "compiled"), ("", "compiled")]
)
def test_an_encoder_can_be_asked_for(wanted: str, which: str) -> None:
    code = "from waystation.csvio.encode import ENCODER, available; print(ENCODER, *available())"
    environ = {**os.environ, "WAYSTATION_ENCODER": wanted}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    chosen, *found = done.stdout.split()
    assert chosen == which == found[0]
    assert found[-1] == "plain"
