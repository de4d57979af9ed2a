"""Migrations: once, in order, under a lock, never edited."""

from __future__ import annotations

import threading
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.conftest import url_of
from waystation.errors import MigrationChanged, SchemaTooNew
from waystation.local import Servers
from waystation.storage import migrate as m
from waystation.storage.db import Database


@pytest.fixture
def empty(servers: Servers) -> Database:
    """A database without anything in it."""
    name = f"empty_{uuid4().hex}"
    assert servers.database_url
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return Database(url_of(servers, name))


def test_many_processes_at_once_apply_each_migration_once(empty: Database) -> None:
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(m.migrate(empty))) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(name for names in applied for name in names) == [x.name for x in m.migrations()]


def test_a_newer_database_is_refused(empty: Database) -> None:
    m.migrate(empty)
    with empty.connect("test") as connection:
        connection.execute("INSERT INTO migrations (number, name, checksum) VALUES (9999, 'x', 'y')")
    with pytest.raises(SchemaTooNew):
        m.migrate(empty)


def test_an_edited_migration_is_noticed(empty: Database) -> None:
    m.migrate(empty)
    with empty.connect("test") as connection:
        connection.execute("UPDATE migrations SET checksum = 'other' WHERE number = 1")
    with pytest.raises(MigrationChanged):
        m.migrate(empty)
