"""PostgreSQL reads what encode makes: what a type takes is taken, and comes back as the same value."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.one_of(digits, days, st.sampled_from(GOOD.get(kind, ["true"]))), min_size=1, max_size=40))
        def taken(values: list[str]) -> None:
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
