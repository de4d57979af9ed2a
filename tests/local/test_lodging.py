"""Who lodges finds both servers, shares them with others, and leaves nothing behind."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import psutil
import pytest
import redis
from kombu.connection import Connection

from tests.local.guests import GONE, KEPT, Guest, ask, command, gone, keeper, keepers, nothing_left, server
from tests.support import wait_until
from waystation.errors import NoLocalServer
from waystation.local import Lodging, client_url, lodge
from waystation.local.paths import Home


def test_the_first_user_finds_a_new_database_and_broker_and_leaves_nothing_running(new_home: Path) -> None:
    with lodge(new_home) as stay:
        url = stay.servers.database_url
        assert ask(url, "SELECT current_database() || '/' || current_user") == "waystation/waystation"
        promised = {
            "server_encoding": "UTF8",
            "listen_addresses": "",
            "max_locks_per_transaction": "1024",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "max_wal_size": "2GB",
            "wal_level": "minimal",
            "client_connection_check_interval": "1s",
            "TimeZone": "UTC",
            "fsync": "on",
            "synchronous_commit": "on",
        }
        assert {name: ask(url, f"SHOW {name}") for name in promised} == promised
        assert ask(url, "SELECT upper('é') || (SELECT min(w) FROM (VALUES ('a'), ('B')) AS v(w))").endswith("B")
        assert command(stay.servers.redis_url, "CONFIG", "GET", "maxmemory-policy").endswith(b"noeviction\r\n")
        assert b"aof_enabled:1" in command(stay.servers.redis_url, "INFO", "persistence")
        for process in keeper(new_home).children(recursive=True):
            assert not [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
        for folder in ("run", "postgres", "valkey"):
            assert stat.S_IMODE((new_home / folder).stat().st_mode) == 0o700
        assert stat.S_IMODE((new_home / "run" / "pgpass").stat().st_mode) == 0o600
    wait_until(lambda: nothing_left(new_home), GONE)
    assert "shut down" in (new_home / "run" / "postgres.log").read_text().splitlines()[-1]


def test_redis_py_and_celerys_transport_both_take_the_address(new_home: Path) -> None:
    with lodge(new_home, database=False) as stay:
        url = stay.servers.redis_url
        assert url
        with redis.Redis.from_url(client_url(url)) as client:
            assert client.ping()
        with Connection(url) as broker, broker.SimpleQueue("rings") as queue:  # type: ignore[no-untyped-call]
            queue.put({"ring": 1})
            assert queue.get(timeout=5).payload == {"ring": 1}
    assert client_url("redis://example:6379/1") == "redis://example:6379/1"


def test_data_outlive_the_stay(home: Path) -> None:
    with lodge(home) as stay:
        ask(stay.servers.database_url, KEPT)
        assert command(stay.servers.redis_url, "SET", "ring", "7") == b"+OK\r\n"
    wait_until(lambda: nothing_left(home), GONE)
    with lodge(home) as stay:
        assert ask(stay.servers.database_url, "SELECT n FROM kept") == 7
        assert command(stay.servers.redis_url, "GET", "ring") == b"$1\r\n7\r\n"


def test_users_share_one_keeper_until_the_last_has_left_even_by_kill(home: Path) -> None:
    with Guest(home) as first:
        assert first.told["database"]
        was = keeper(home)
        with lodge(home) as second:
            assert second.servers.database_url == first.told["database"]
            assert was.pid not in {child.pid for child in psutil.Process().children(recursive=True)}
            assert os.getsid(was.pid) not in {os.getsid(0), os.getsid(first.process.pid)}
            first.kill()
            assert ask(second.servers.database_url, "SELECT 1") == 1
            with Guest(home) as third:
                assert third.told["broker"] == second.servers.redis_url
                second.close()
                assert ask(third.told["database"], "SELECT 1") == 1
                assert keeper(home) == was
                third.kill()
                wait_until(lambda: nothing_left(home), GONE)


def test_users_that_come_at_the_same_time_get_one_keeper(home: Path) -> None:
    guests = [Guest(home) for _ in range(4)]
    try:
        assert len({guest.told["database"] for guest in guests}) == 1
        assert len(keepers(home)) == 1
    finally:
        for guest in guests:
            guest.process.kill()
        for guest in guests:
            guest.__exit__(None, None, None)


def test_who_wants_one_server_gets_one_and_a_later_user_gets_the_other(home: Path) -> None:
    with lodge(home, database=False) as broker_alone:
        assert broker_alone.servers.database_url is None
        assert [child.name() for child in keeper(home).children()] == ["valkey-server"]
        with lodge(home, broker=False) as database_alone:
            assert database_alone.servers.redis_url is None
            assert ask(database_alone.servers.database_url, "SELECT 1") == 1
            assert server(home, "valkey-server").is_running()


def test_who_wants_none_gets_none_and_no_folder_is_made(new_home: Path) -> None:
    with lodge(new_home, database=False, broker=False) as stay:
        assert (stay.servers.database_url, stay.servers.redis_url) == (None, None)
        stay.revive()
    assert not new_home.exists()


def test_two_homes_stand_side_by_side_even_when_one_is_a_copy(home: Path, own_home: Path) -> None:
    with lodge(home) as one, lodge(own_home) as other:
        ask(one.servers.database_url, "CREATE TABLE IF NOT EXISTS only_here ()")
        assert ask(other.servers.database_url, "SELECT to_regclass('only_here') IS NULL") is True
        assert one.servers.redis_url != other.servers.redis_url


def test_a_copy_of_a_living_home_does_not_take_its_sockets(new_home: Path, tmp_path: Path) -> None:
    with lodge(new_home, database=False):
        living = Home(new_home)
        copied = Home(tmp_path / "copy")
        copied.create()
        (copied.run / "sockets").write_text((living.run / "sockets").read_text())
        assert copied.sockets() != living.sockets()
        copied.forget_sockets()
        assert living.sockets().exists()


def test_who_comes_while_the_keeper_leaves_waits_and_gets_a_fresh_one(home: Path) -> None:
    place = Home(home)
    with lodge(home):
        was = keeper(home)

    def leaving() -> bool:  # the keeper holds the users' lock now: nobody else is let in
        lock = place.take(place.users_lock, shared=True)
        if lock is not None:
            os.close(lock)
        return lock is None

    wait_until(leaving, GONE)
    with lodge(home) as stay:
        assert ask(stay.servers.database_url, "SELECT 1") == 1
        assert keeper(home) != was


def test_who_comes_at_any_moment_of_the_leaving_is_served(new_home: Path) -> None:
    for pause in (0.0, 0.15, 0.3, 0.4, 0.5):
        with lodge(new_home, database=False) as stay:
            assert command(stay.servers.redis_url, "PING") == b"+PONG\r\n"
        threading.Event().wait(pause)


FAMILY = """
import os, signal, subprocess
forked = os.fork()
if not forked:
    signal.pause()
started = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
Path(sys.argv[1], "family").write_text(f"{forked} {started.pid}")
"""


def test_a_users_children_are_not_users(new_home: Path) -> None:
    with Guest(new_home, also=FAMILY, watch=False, database=False) as guest:
        assert guest.told["broker"]
        family = [psutil.Process(int(pid)) for pid in (new_home / "family").read_text().split()]
        try:
            guest.kill()
            wait_until(lambda: nothing_left(new_home), GONE)
            assert not any(gone(child) for child in family)
        finally:
            for child in family:
                child.kill()


def test_a_home_that_cant_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NoLocalServer, match="can't be made") as caught:
        lodge(tmp_path / "file" / "home")
    assert "WAYSTATION_HOME" in caught.value.hint


def test_a_failed_lodge_is_no_stay(own_home: Path) -> None:
    (own_home / "postgres" / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(NoLocalServer, match="made by PostgreSQL 14"):
        lodge(own_home)
    wait_until(lambda: nothing_left(own_home), GONE)


def test_time_runs_out_with_the_keepers_last_words(home: Path) -> None:
    place = Home(home)
    lock = place.take(place.keeper_lock)  # a keeper that never gets ready
    assert lock is not None
    try:
        with pytest.raises(NoLocalServer, match="did not answer in time"):
            lodge(home, timeout=0.2)
    finally:
        os.close(lock)


def test_closing_twice_is_once(new_home: Path) -> None:
    stay: Lodging = lodge(new_home, database=False)
    stay.close()
    stay.close()
