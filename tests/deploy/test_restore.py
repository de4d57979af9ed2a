"""The backup and restore of docs/operations.md, with PostgreSQL's own programs: what was paused or ran goes on in the restored
system, and a finished export is downloaded from it, byte for byte. `make restore-test`; the suite passes it by."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.conftest import end_worker, fresh_settings, launch_worker
from tests.support import at_state, parsed, people_csv, reached, send, table_rows
from waystation.doctor import examine
from waystation.local import Servers
from waystation.local.binaries import find_postgres
from waystation.model import State, Verb
from waystation.wiring import open_house

pytestmark = pytest.mark.skipif("WAYSTATION_RESTORE_TEST" not in os.environ, reason="make restore-test")
ROWS = 150_000


def program(name: str, *words: str) -> None:
    """Run pg_dump or pg_restore, of the server's version."""
    subprocess.run([str(find_postgres().folder / name), *words], check=True)


def test_what_was_backed_up_while_it_ran_goes_on_elsewhere(servers: Servers, tmp_path: Path) -> None:
    data, backup = people_csv(ROWS), tmp_path / "files"
    with fresh_settings(servers, chunk_rows=1000) as settings, open_house(settings, migrating=False) as house:
        worker = launch_worker(house)
        at_state(house, send(house, people_csv(5000, seed=1), dataset="small"), State.SUCCEEDED)
        export, _ = house.control.submit("export", {"dataset": "small"}, actor="ann")
        at_state(house, export, State.SUCCEEDED)
        exported = house.control.result(export.id).read_bytes()
        paused = reached(house, send(house, data, dataset="large"), 5000)
        house.control.act(Verb.PAUSE, paused.id, actor="ann")
        before = at_state(house, paused, State.PAUSED)
        cut = send(house, people_csv(ROWS, seed=2), dataset="cut")
        reached(house, cut, 2000)
        # The one is paused, the other runs: as they are, first the database, then the files.
        program("pg_dump", "--format=custom", f"--file={tmp_path / 'waystation.dump'}", str(settings.database_url))
        shutil.copytree(settings.home, backup)
        end_worker(worker)
    assert before.done < (before.total or 0)

    with fresh_settings(servers, chunk_rows=1000) as settings:
        assert servers.database_url
        name = psycopg.conninfo.conninfo_to_dict(str(settings.database_url))["dbname"]
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(str(name))))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(str(name))))
        program("pg_restore", "--no-owner", f"--dbname={settings.database_url}", str(tmp_path / "waystation.dump"))
        shutil.copytree(backup, settings.home, dirs_exist_ok=True)
        assert [f for f in examine(settings, {}) if f.level == "wrong"] == []
        with open_house(settings) as house:
            assert house.control.result(export.id).read_bytes() == exported
            worker = launch_worker(house)
            house.control.act(Verb.RESUME, paused.id, actor="ann")
            at_state(house, paused, State.SUCCEEDED, timeout=120)
            at_state(house, cut, State.SUCCEEDED, timeout=120)
            assert table_rows(house, "large") == parsed(data)
            assert table_rows(house, "cut") == parsed(people_csv(ROWS, seed=2))
            end_worker(worker)
