"""Both drains on a real connection: the same rows, errors that come in the middle, and what a connection is good for after."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from waystation.storage import drain
from waystation.wiring import House


@pytest.fixture(params=["compiled", "plain"])
def which(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "plain":
        monkeypatch.setattr(drain, "_libpq", None)
    elif drain._libpq is None:
        pytest.skip("the compiled drain was not built")
    return str(request.param)


def copy(query: str) -> sql.Composed:
    return sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv)").format(sql.SQL(query))


@pytest.mark.parametrize("apart", [1, 7, 1000])
def test_the_same_rows_in_order(house: House, which: str, apart: int) -> None:
    with house.database.connect("ws:test", autocommit=True) as connection:
        query = copy(f"SELECT (n * 7919) % 20011 * {apart} AS k, E'a,\"b\\n' || n, NULL FROM generate_series(1, 20010) n")
        taken = drain.in_order(connection, query, delimiter=",")
        rows = sorted(((n * 7919) % 20011, n) for n in range(1, 20011))
        assert taken.data == b"".join(b'"a,""b\n%d",\n' % n for _, n in rows)
        assert (taken.rows, taken.more) == (20010, False)
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}, "the connection can be used again"


def test_a_number_may_come_twice(house: House, which: str) -> None:
    with house.database.connect("ws:test", autocommit=True) as connection:
        taken = drain.in_order(connection, copy("SELECT n % 10, n % 10 FROM generate_series(1, 30) n"), delimiter=",")
        assert taken.data == b"".join(b"%d\n" % (n // 3) for n in range(30))


def test_portions_and_the_numbers_of_the_last_row(house: House, which: str) -> None:
    with house.database.connect("ws:test", autocommit=True) as connection:
        query = copy("SELECT n / 3, n, 'x' FROM generate_series(1, 10) n")
        with drain.open_copy(connection, query, delimiter=",", numbers=2) as rows:
            one, two, three = (rows.take(4) for _ in range(3))
        assert [(t.rows, t.last, t.more) for t in (one, two, three)] == [
            (4, (1, 4), True),
            (4, (2, 8), True),
            (2, (3, 10), False),
        ]


@pytest.mark.parametrize("query", ["SELECT n, 1 / (n - 5000) FROM generate_series(1, 9000) n", "SELECT nothing"])
def test_an_error_of_the_server_is_raised_as_such(house: House, which: str, query: str) -> None:
    with house.database.connect("ws:test", autocommit=True) as connection:
        with pytest.raises((psycopg.errors.DivisionByZero, psycopg.errors.UndefinedColumn)):
            drain.in_order(connection, copy(query), delimiter=",")
        assert connection.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_a_lost_connection_is_an_operational_error(house: House, which: str) -> None:
    with house.database.connect("ws:test", autocommit=True) as connection:
        ends = "pg_terminate_backend(CASE WHEN n > 5000 THEN pg_backend_pid() ELSE 0 END)"
        query = copy(f"SELECT n, {ends} FROM generate_series(1, 9000) n")
        with pytest.raises(psycopg.OperationalError):
            drain.in_order(connection, query, delimiter=",")
        assert connection.broken
        with pytest.raises(psycopg.OperationalError):
            drain.in_order(connection, query, delimiter=",")


def test_rows_without_numbers_are_an_error(house: House, which: str) -> None:
    connection = house.database.connect("ws:test", autocommit=True)
    with closing(connection), pytest.raises(ValueError, match="without its number"):
        drain.in_order(connection, copy("SELECT 'a', 'b'"), delimiter=",")
