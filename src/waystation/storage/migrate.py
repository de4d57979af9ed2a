"""Forward-only migrations: numbered SQL files, each applied and recorded in one transaction, under an advisory lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

import psycopg
from psycopg import sql

from waystation.errors import DatabaseRefuses, MigrationChanged, SchemaTooNew
from waystation.storage.db import READ_ONLY, Connection, Database, every, first_line, not_reached, one, run

_LOCK = 0x57A7  # the migration lock's key among PostgreSQL's advisory locks


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its text."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Of the text, to notice an applied file that was edited."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All there are, in order."""
    folder = files("waystation.storage").joinpath("migrations")
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql"))
    return [Migration(int(n[:4]), n, folder.joinpath(n).read_text(encoding="utf-8")) for n in names]


def _applied(connection: Connection) -> dict[int, str]:
    if not one(connection, "SELECT true AS found WHERE to_regclass('waystation.migrations') IS NOT NULL"):
        return {}
    rows = every(connection, "SELECT number, checksum FROM waystation.migrations")
    return {r["number"]: r["checksum"] for r in rows}


def pending(connection: Connection) -> list[Migration]:
    """What `migrate` would apply; only reads.

    Raises SchemaTooNew when the database knows a migration that this program does not, MigrationChanged for an edited one.
    """
    known, applied = migrations(), _applied(connection)
    if unknown := set(applied) - {m.number for m in known}:
        raise SchemaTooNew(f"The database has migration {max(unknown)}, which this Waystation does not know.")
    for m in known:
        if m.number in applied and applied[m.number] != m.checksum:
            raise MigrationChanged(f"Migration {m.name} was applied with another text.")
    return [m for m in known if m.number not in applied]


def migrate(database: Database) -> list[str]:
    """Bring the database up to date; the names of what was applied. Safe to call from many processes at once.

    Raises DatabaseUnavailable, DatabaseRefuses, SchemaTooNew, MigrationChanged.
    """
    try:
        opened = database.connect("ws:migrate", autocommit=True)
    except psycopg.OperationalError as error:
        raise not_reached(database.url, error) from error
    with opened as connection:
        try:
            return _apply(connection)
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseRefuses(f"The database does not let {connection.info.user} in: {first_line(error)}") from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise DatabaseRefuses(f"The database can only be read: {first_line(error)}", remedy=READ_ONLY) from error


def _apply(connection: Connection) -> list[str]:
    run(connection, "SELECT pg_advisory_lock(%(key)s)", key=_LOCK)
    run(connection, "CREATE SCHEMA IF NOT EXISTS waystation")
    run(
        connection,
        "CREATE TABLE IF NOT EXISTS waystation.migrations (number integer PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
    )
    done = []
    for m in pending(connection):
        with connection.transaction():
            connection.execute(sql.SQL(m.text))
            run(
                connection,
                "INSERT INTO migrations (number, name, checksum) VALUES (%(number)s, %(name)s, %(checksum)s)",
                number=m.number,
                name=m.name,
                checksum=m.checksum,
            )
        done.append(m.name)
    return done
