"""Whatever dies comes back, whatever is left over is cleared away, and the data are kept."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.local.guests import GONE, KEPT, ROOT, Guest, ask, command, gone, keeper, keepers, nothing_left, server
from tests.support import wait_until
from waystation.errors import NoLocalServer
from waystation.local import lodge
from waystation.local.paths import Home


def answers(url: str | None) -> bool:
    try:
        return bool(ask(url, "SELECT 1") == 1)
    except psycopg.OperationalError:
        return False


def pongs(url: str | None) -> bool:
    try:
        return command(url, "PING") == b"+PONG\r\n"
    except OSError:
        return False


def test_a_killed_postgres_is_back_with_its_data_though_a_backend_lives_on(home: Path) -> None:
    with lodge(home, broker=False) as stay:
        url = stay.servers.database_url
        assert url
        ask(url, KEPT)
        client = psycopg.pq.PGconn.connect(url.encode())
        # It computes and never looks up, so it does not see that its postmaster is gone.
        client.send_query(b"SELECT sum(a.n * b.n) FROM generate_series(1, 99999) a(n), generate_series(1, 99999) b(n)")
        backend = psutil.Process(client.backend_pid)
        wait_until(lambda: ask(url, f"SELECT state FROM pg_stat_activity WHERE pid = {backend.pid}") == "active")
        was = server(home, "postgres")
        was.kill()
        wait_until(lambda: answers(url), 8)
        assert gone(backend)
        client.finish()
        assert ask(url, "SELECT n FROM kept") == 7
        assert server(home, "postgres") != was


def test_an_idle_postgres_that_is_killed_is_back_in_two_seconds(home: Path) -> None:
    with lodge(home, broker=False) as stay:
        began = time.monotonic()
        server(home, "postgres").kill()
        wait_until(lambda: answers(stay.servers.database_url), 6)
        print(f"back after {time.monotonic() - began:.2f} s")


def test_a_killed_valkey_is_back_with_its_rings(new_home: Path) -> None:
    with lodge(new_home, database=False) as stay:
        url = stay.servers.redis_url
        assert command(url, "RPUSH", "rings", "a", "b") == b":2\r\n"
        was = server(new_home, "valkey-server")
        assert command(url, "BGREWRITEAOF").startswith(b"+")
        wait_until(lambda: b"aof_rewrite_in_progress:0" in command(url, "INFO", "persistence"))
        was.kill()
        wait_until(lambda: pongs(url), 6)
        assert server(new_home, "valkey-server") != was
        assert command(url, "LLEN", "rings") == b":2\r\n"


def test_a_killed_keeper_takes_its_servers_along_and_the_users_start_a_new_one(home: Path) -> None:
    with lodge(home) as stay:
        ask(stay.servers.database_url, KEPT)
        old = keeper(home)
        family = old.children(recursive=True)
        old.kill()
        wait_until(lambda: gone(*family), GONE)
        wait_until(lambda: answers(stay.servers.database_url) and pongs(stay.servers.redis_url), 10)
        assert ask(stay.servers.database_url, "SELECT n FROM kept") == 7
        assert keeper(home) != old


def test_a_user_without_a_watch_revives_by_itself(home: Path) -> None:
    with lodge(home, watch=False) as stay:
        stay.revive()
        old = keeper(home)
        old.kill()
        wait_until(lambda: gone(old))
        stay.revive()
        assert answers(stay.servers.database_url)
        assert pongs(stay.servers.redis_url)


def test_keeper_and_last_user_killed_together_leave_no_server(home: Path) -> None:
    with Guest(home) as guest:
        assert guest.told["database"]
        family = keeper(home).children(recursive=True)
        keeper(home).kill()
        guest.kill()
        wait_until(lambda: gone(*family), GONE)
        # The sockets' folder stays behind (nobody was left to remove it); the next keeper takes and then removes it.
        with lodge(home, database=False) as stay:
            assert pongs(stay.servers.redis_url)


def test_a_keeper_that_is_told_to_stop_stops_both_cleanly_and_leaves_nothing(home: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with lodge(home, watch=False):
            keeper(home).send_signal(number)
            wait_until(lambda: nothing_left(home), GONE)
            assert "database system is shut down" in (home / "run" / "postgres.log").read_text().splitlines()[-1]
            assert not (home / "run" / "servers.json").exists()


@pytest.mark.parametrize("stale", ["home/postgres/data/postmaster.pid", "sockets/pg/.s.PGSQL.5432.lock"])
def test_a_stale_lock_file_that_names_a_living_process_is_swept(home: Path, stale: str) -> None:
    with lodge(home, broker=False, watch=False) as stay:
        url = stay.servers.database_url
        sockets = Path((home / "run" / "sockets").read_text())
        postmaster = server(home, "postgres")
        postmaster_uid = postmaster.uids().effective
        keeper(home).suspend()  # so that it neither restarts nor sweeps
        postmaster.kill()
        wait_until(lambda: gone(postmaster))
        path = sockets / stale.removeprefix("sockets/") if stale.startswith("sockets") else home.parent / stale
        # PostgreSQL believes it of a process that it may signal, so this one is of its own uid.
        other = {"user": postmaster_uid, "group": postmaster_uid, "extra_groups": []} if ROOT else {}
        with subprocess.Popen(["sleep", "60"], cwd="/", **other) as living:  # type: ignore[call-overload]
            path.write_text("\n".join([str(living.pid), *path.read_text().splitlines()[1:]]) + "\n")
            keeper(home).resume()
            try:
                wait_until(lambda: answers(url), 8)
                assert living.poll() is None
            finally:
                living.kill()


def test_a_crash_while_the_data_are_made_leaves_nothing_half_made(new_home: Path) -> None:
    with Guest(new_home, broker=False) as guest:
        wait_until(lambda: list(new_home.glob("postgres/new-*/base")), 10)
        keeper(new_home).kill()
        guest.kill()
        assert not (new_home / "postgres" / "data").exists()
        with lodge(new_home, broker=False) as stay:
            assert answers(stay.servers.database_url)
            assert [path.name for path in (new_home / "postgres").iterdir()] == ["data"]


def test_a_run_folder_that_was_thrown_away_costs_nothing(home: Path) -> None:
    with lodge(home, broker=False) as stay:
        ask(stay.servers.database_url, KEPT)
    wait_until(lambda: nothing_left(home), GONE)
    shutil.rmtree(home / "run")
    with lodge(home, broker=False) as stay:
        assert ask(stay.servers.database_url, "SELECT n FROM kept") == 7


def test_a_home_that_is_removed_ends_its_keeper(new_home: Path) -> None:
    with lodge(new_home, database=False):
        was = keeper(new_home)
        sockets = Home(new_home).sockets()
        shutil.rmtree(new_home)
        wait_until(lambda: gone(was), GONE)
    assert keepers(new_home) == []
    assert not sockets.exists()


def test_rings_that_cant_be_read_are_thrown_away(home: Path) -> None:
    manifest = next((home / "valkey" / "appendonlydir").glob("*.manifest"))
    manifest.write_text("this is no manifest\n")
    with lodge(home, database=False) as stay:
        assert pongs(stay.servers.redis_url)


def test_a_database_that_cant_start_says_why_and_the_broker_is_served(own_home: Path) -> None:
    with (own_home / "postgres" / "data" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'much'\nno_such_setting = 1\n")
    with lodge(own_home, database=False) as stay:
        with pytest.raises(NoLocalServer, match="no_such_setting"):
            lodge(own_home)
        assert pongs(stay.servers.redis_url)
