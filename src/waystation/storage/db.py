"""Connections to PostgreSQL: one way to open them, for the pool of a web process and for the attempts of a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from waystation.errors import Busy, DatabaseUnavailable

READ_ONLY = "Name the primary in DATABASE_URL: a standby, or a database set to read-only, can't serve."  # what to do
Row = dict[str, Any]
Connection = psycopg.Connection[Row]

# Session settings: the dead must not keep their locks, nor a scan or a parallel plan change the order of rows.
_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "search_path=waystation,pg_catalog",
        "TimeZone=UTC",
        "DateStyle=ISO,YMD",
        "client_min_messages=warning",
        "synchronize_seqscans=off",
        "extra_float_digits=1",
        "client_connection_check_interval=2000",
    )
)


class Database:
    """Where the database is, and how to reach it."""

    def __init__(self, url: str, *, pool: int = 8, lock_timeout: float = 2.0) -> None:
        self.url = url
        self.lock_timeout = lock_timeout
        self._size = pool
        self._pool: ConnectionPool[Connection] | None = None
        self._opening = threading.Lock()

    def connect(self, name: str, *, idle_timeout: float = 600, autocommit: bool = False, lock_timeout: float = 0) -> Connection:
        """A connection of its own, shown as `name` in pg_stat_activity; the caller closes it. Timeouts are in seconds, 0
        for none."""
        options = (
            f"{_OPTIONS} -c idle_in_transaction_session_timeout={int(idle_timeout * 1000)}"
            f" -c lock_timeout={int(lock_timeout * 1000)}"
        )
        return psycopg.connect(
            self.url,
            autocommit=autocommit,
            row_factory=dict_row,
            application_name=name,
            connect_timeout=5,
            options=options,
        )

    @property
    def pool(self) -> ConnectionPool[Connection]:
        """The process's pool, opened at first use so that a fork before it does no harm."""
        with self._opening:  # the first requests may come together
            if self._pool is None:
                self._pool = ConnectionPool(
                    self.url,
                    connection_class=cast("type[Connection]", psycopg.Connection),
                    kwargs={
                        "row_factory": dict_row,
                        "application_name": "ws:web",
                        "connect_timeout": 5,
                        "options": f"{_OPTIONS} -c idle_in_transaction_session_timeout=30000"
                        f" -c lock_timeout={int(self.lock_timeout * 1000)}",
                    },
                    min_size=0,
                    max_size=self._size,
                    timeout=5,
                    max_idle=60,
                    check=ConnectionPool.check_connection,
                    open=True,
                )
        return self._pool

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction on a pooled connection.

        Raises DatabaseUnavailable when PostgreSQL does not answer, Busy when a lock is not had within lock_timeout.
        """
        try:
            with self.pool.connection() as connection:
                yield connection
        except psycopg.errors.LockNotAvailable as error:
            raise Busy from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise unreachable(error) from error

    def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


def unreachable(error: psycopg.Error) -> DatabaseUnavailable:
    """What to say, while we serve, of a database that does not answer any more, or does not let us in."""
    if _refuses_password(error):
        return DatabaseUnavailable(
            "The database refuses our password.", remedy="Mend the password in DATABASE_URL, and start again."
        )
    return DatabaseUnavailable(f"The database does not answer: {first_line(error)}")


def not_reached(url: str, error: psycopg.Error) -> DatabaseUnavailable:
    """What to say at the start of a database that has not answered yet: what is wrong is likely the address, and whoever
    starts us can mend it."""
    try:
        info = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error as wrong:
        return DatabaseUnavailable(f"DATABASE_URL is no address of a database: {first_line(wrong)}", remedy="Mend it.")
    said = first_line(error)
    if _refuses_password(error):
        who = info.get("user", "our user")
        return DatabaseUnavailable(f"The database refuses the password of {who}.", remedy="Mend it in DATABASE_URL.")
    if "does not exist" in said:
        return DatabaseUnavailable(f"The database server says: {said}", remedy="Make it, or mend DATABASE_URL.")
    return DatabaseUnavailable(
        f"No database answers at {info.get('host', 'its socket')}: {said}",
        remedy="Start it, or mend DATABASE_URL; a firewall may be in between.",
    )


def first_line(error: BaseException) -> str:
    """What a server said, without where it was asked; it never holds a password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0].rpartition("FATAL: ")[2].strip() if lines else type(error).__name__)[:300].rstrip(".") + "."


def _refuses_password(error: psycopg.Error) -> bool:
    """Whether the server is there and does not take our password (or wants one, and got none)."""
    return "password" in str(error)


def one(connection: Connection, query: LiteralString | sql.Composed, **values: Any) -> Row | None:
    """The first row of a query, or None."""
    return connection.execute(query, values).fetchone()


def every(connection: Connection, query: LiteralString | sql.Composed, **values: Any) -> list[Row]:
    """All rows of a query."""
    return connection.execute(query, values).fetchall()


def run(connection: Connection, query: LiteralString | sql.Composed, **values: Any) -> int:
    """Carry out a statement; the number of rows that it touched."""
    return connection.execute(query, values).rowcount


def end_backends(connection: Connection, name: str) -> int:
    """End the server processes of the connections of this name, and wait until they are gone (1 s at most for each).

    A frozen or killed client leaves its server process alive with its locks: whoever takes over ends it.
    """
    rows = every(
        connection,
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
        " WHERE application_name = %(name)s AND pid <> pg_backend_pid() AND datname = current_database()",
        name=name,
    )
    return len(rows)


def attempt_name(task: object, attempt: int) -> str:
    """What the connections of an attempt are called in pg_stat_activity."""
    return f"ws:{task}:{attempt}"
