"""The fixtures that pytest finds wherever Waystation is installed. What they need is imported when they are used."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from waystation.workshop import Workshop

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def waystation_database_url() -> Iterator[str]:
    """A PostgreSQL for the tests: the one that DATABASE_URL names, else a private one that ends with them.

    Each test gets a database of its own on it, made from a template that is brought up to date once.
    """
    from waystation.local import lodge
    from waystation.settings import Settings
    from waystation.storage.db import Database
    from waystation.storage.migrate import migrate

    named = Settings.from_env().database_url
    home = Path(tempfile.mkdtemp(prefix="ws-pytest-"))
    lodging = None if named else lodge(home, broker=False)
    url = named or (lodging.servers.database_url if lodging else None)
    assert url is not None
    template = f"waystation_test_{os.getpid()}"
    try:
        _sql(url, f'CREATE DATABASE "{template}"')
        migrate(Database(_on(url, template)))
        yield _on(url, template)
    finally:
        _sql(url, f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
        if lodging is not None:
            lodging.close()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def waystation(waystation_database_url: str, tmp_path: Path) -> Iterator[Workshop]:
    """Run kinds on a real database, in processes that can be killed:

    def test_a_kill_costs_nothing(waystation):
        task = waystation.run(my_kind, {"upto": 10}, kill_after=3)
        assert task.state == "succeeded"
    """
    from waystation.workshop import Workshop

    url, template = waystation_database_url, f"waystation_test_{os.getpid()}"
    name = f"{template}_{next(_numbers)}"
    _sql(_on(url, "postgres"), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    workshop = Workshop(_on(url, name), tmp_path / "waystation")
    try:
        yield workshop
    finally:
        workshop.close()
        _sql(_on(url, "postgres"), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _on(url: str, name: str) -> str:
    from psycopg.conninfo import make_conninfo

    return make_conninfo(url, dbname=name)


def _sql(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
