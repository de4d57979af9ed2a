"""PostgreSQL reads what encode makes: what a type takes is taken, and comes back as the same value."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.csvio.examples import ran, some
from tests.unit.csvio.rows import each_encoder
from tests.unit.csvio.test_types import GOOD
from waystation.csvio.column import escape
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encode
from waystation.csvio.types import TYPES
from waystation.local import Servers

digits = st.text(alphabet="0123456789+-.eEinfa", min_size=1, max_size=24)
days = st.builds(
    "{:04}-{:02}-{:02}{}".format,
    st.integers(0, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from(["", " 10:20", "T23:59:59.999999", " 24:00", " 10:20:60", " 0:1", "Z"]),
)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_value_that_a_type_takes_is_one_for_postgresql(servers: Servers, kind: str) -> None:
    assert servers.database_url
    with psycopg.connect(servers.database_url) as connection:
        connection.execute(f'CREATE TEMP TABLE t (n int, v {TYPES[kind].sql}, "text" text)'.encode())

        @some(40)
        @given(st.lists(st.one_of(digits, days, st.sampled_from(GOOD.get(kind, ["true"]))), min_size=1, max_size=40))
        def taken(values: list[str]) -> None:
            ran(f"values of {kind} read by PostgreSQL")
            good = []
            for value in values:
                try:
                    good.append((value, TYPES[kind].parse(value)))
                except ValueError:
                    continue
            connection.execute("TRUNCATE t")
            with connection.cursor().copy("COPY t FROM STDIN") as copy:
                for number, (value, text) in enumerate(good):
                    made = escape([text, value], free_text=True)
                    copy.write(f"{number}\t{made[0]}\t{made[1]}\n")
            # The original text, read by PostgreSQL itself as the type, is the same value.
            cast = TYPES[kind].sql
            same = 'v::text = "text"' if kind == "json" else f'v IS NOT DISTINCT FROM "text"::{cast}'
            query = f"SELECT count(*) FROM t WHERE {same}"
            assert connection.execute(query.encode()).fetchone() == (len(good),)

        taken()


around = [0, 2**31, 2**63]
wholes = st.builds(
    lambda sign, about, off: str(sign * (about + off)), st.sampled_from([1, -1]), st.sampled_from(around), st.integers(-2, 2)
)
decimals = st.builds(lambda w, f: "7" * w + ("." + "3" * f if f else ""), st.integers(1, 131_080), st.integers(0, 16_390))
floats = st.builds(
    "{}{}e{}".format,
    st.sampled_from(["", "-"]),
    st.sampled_from(["1", "9.9", "2.2250738585072011", "0"]),
    st.integers(-400, 400),
)
dates = st.builds("{:04}-{:02}-{:02}".format, st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
times = st.builds(
    "{:02}:{:02}:{:02}{}".format,
    st.integers(0, 23),
    st.integers(0, 61),
    st.integers(0, 59),
    st.sampled_from(["", ".5", ".000001"]),
)
hexes = st.from_regex(r"[{]?[0-9a-fA-F]{7,9}(-[0-9a-g]{4}){3}-[0-9a-f]{12}[}]?", fullmatch=True)
jsons = st.recursive(
    st.sampled_from(
        ["1", "-0.5e+3", "01", "1.", '"a"', '"\\u0000"', '"\\ud800"', '"\\x"', "null", "nul", "true", '"\n"', "", " "]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda made: f"[{','.join(made)}]"),
        st.lists(inner, max_size=3).map(lambda made: "{" + ", ".join(f'"k": {one}' for one in made) + "}"),
        st.tuples(inner, st.sampled_from([",", "]", "}", " ", ":"])).map("".join),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("integer", wholes),
        ("bigint", wholes),
        ("numeric", decimals),
        ("double", floats),
        ("date", dates),
        ("timestamp", st.builds("{} {}".format, dates, times.filter(lambda made: not made.endswith("60")))),
        ("time", times),
        ("uuid", hexes),
        ("json", jsons),
    ],
)
def test_what_is_out_of_range_for_postgresql_is_refused_and_nothing_else(
    servers: Servers, kind: str, values: st.SearchStrategy[str]
) -> None:
    assert servers.database_url
    with psycopg.connect(servers.database_url, autocommit=True) as connection:

        @some(25)
        @given(st.lists(values.filter(bool), min_size=1, max_size=30))
        def agreed(drawn: list[str]) -> None:
            ran(f"ranges of {kind} against PostgreSQL")
            valid = f"array_agg(pg_input_is_valid(v, '{TYPES[kind].sql}') ORDER BY n)"
            query = f"SELECT {valid} FROM unnest(%s::text[]) WITH ORDINALITY t (v, n)"
            row = connection.execute(query.encode(), [drawn]).fetchone()
            assert row
            assert dict(zip(drawn, row[0], strict=True)) == {value: _taken(kind, value) for value in drawn}

        agreed()


def _taken(kind: str, value: str) -> bool:
    try:
        TYPES[kind].parse(value)
    except ValueError:
        return False
    return True


@each_encoder
def test_free_text_comes_back_as_it_was(servers: Servers, encode: Encode) -> None:
    assert servers.database_url
    cells = ["\\", "\\N", "a\tb", "a\nb", "a\r\nb", "\\.", "\b\f\v\x7f", "é€😀", "''"]
    file = "".join(f'"{cell}",{n}\n' for n, cell in enumerate(cells))
    plans = [ColumnPlan(0, "v", "text"), ColumnPlan(1, "n", "bigint")]
    made = encode(file.encode(), Dialect(), plans, width=2, batch=1, first_record=1, first_line=1)
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("CREATE TEMP TABLE t (_batch bigint, _row bigint, v text, n bigint)")
        form = "binary" if made.binary else "text"
        with connection.cursor().copy(f"COPY t FROM STDIN (FORMAT {form})".encode()) as copy:
            copy.write(made.data)
        assert connection.execute("SELECT v FROM t ORDER BY n").fetchall() == [(cell,) for cell in cells]
