"""As root, as an ordinary user, as a uid without a name; in closed folders and at the end of long paths."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.local.guests import (
    GONE,
    KEPT,
    NAMESPACE,
    ROOT,
    STRANGER,
    Guest,
    ask,
    command,
    gone,
    needs_namespaces,
    needs_root,
    nothing_left,
    python_for,
    server,
)
from tests.support import wait_until
from waystation.local import lodge
from waystation.local.binaries import find_postgres
from waystation.local.paths import LONGEST_SOCKET, Home
from waystation.local.process import unprivileged

NOBODY = found.pw_uid if (found := unprivileged()) else 65534


def capabilities(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)


@needs_root
def test_root_in_an_open_folder_runs_postgres_as_nobody_without_any_right(open_folder: Path) -> None:
    home = open_folder / "home"
    with lodge(home) as stay:
        postgres = server(home, "postgres")
        assert postgres.uids().effective == NOBODY
        if os.access(find_postgres().postgres, os.X_OK) and _reachable(find_postgres().postgres):
            assert capabilities(postgres) == 0
        assert ask(stay.servers.database_url, "SELECT 1") == 1
    wait_until(lambda: nothing_left(home), GONE)


def _reachable(path: Path) -> bool:
    return subprocess.run(["test", "-x", path], user=NOBODY, group=NOBODY, extra_groups=[], check=False).returncode == 0


@needs_root
def test_root_in_a_folder_closed_to_others_keeps_one_capability_for_postgres(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with lodge(closed / "home", broker=False) as stay:
        postgres = server(closed / "home", "postgres")
        assert postgres.uids().effective == NOBODY
        assert capabilities(postgres) == 0b10  # CAP_DAC_OVERRIDE
        assert ask(stay.servers.database_url, "SELECT 1") == 1
    wait_until(lambda: nothing_left(closed / "home"), GONE)


@needs_root
def test_other_local_users_do_not_get_in(open_folder: Path) -> None:
    home = open_folder / "home"
    psql = find_postgres().folder / "psql"
    with lodge(home) as stay:
        sockets = Home(home).sockets()
        question = f"host={sockets / 'pg'} user=waystation dbname=waystation"
        for uid, refusal in ((STRANGER, "Permission denied"), (NOBODY, "no password supplied")):
            said = subprocess.run(
                [psql, "-w", question, "-c", "SELECT 1"],
                user=uid,
                group=uid,
                extra_groups=[],
                capture_output=True,
                text=True,
                check=False,
                env={},
                cwd="/",
            )
            assert said.returncode != 0
            assert refusal in said.stderr
        assert stay.servers.redis_url
        python, environ = python_for(NOBODY)
        reach = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        for path in (stay.servers.redis_url.removeprefix("redis+socket://"),):
            tried = subprocess.run(
                [python, "-c", reach, path],
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                capture_output=True,
                env=environ,
                check=False,
            )
            assert b"PermissionError" in tried.stderr
    wait_until(lambda: nothing_left(home), GONE)


@needs_root
@pytest.mark.parametrize("uid", [NOBODY, STRANGER], ids=["ordinary user", "uid without a name"])
def test_an_ordinary_user_in_a_folder_of_mode_700(open_folder: Path, uid: int) -> None:
    own = open_folder / "own"
    own.mkdir(mode=0o700)
    os.chown(own, uid, uid)
    home = own / "home"
    with Guest(home, uid=uid) as guest:
        assert "error" not in guest.told, guest.told
        assert server(home, "postgres").uids().effective == uid
        assert server(home, "valkey-server").uids().effective == uid
        assert ask(guest.told["database"], "SELECT 1") == 1
        assert command(guest.told["broker"], "PING") == b"+PONG\r\n"
        # Killed while its keeper can't see it: the kernel alone ends the servers, across the user namespace too.
        family = [server(home, "postgres"), server(home, "valkey-server")]
        keeper = family[0].parent()
        assert keeper
        guest.kill()
        keeper.kill()
        wait_until(lambda: gone(*family), GONE)
        with Guest(home, uid=uid, database=False) as again:  # it removes what the killed one could not
            assert again.told["broker"]


@needs_root
def test_root_and_then_the_owner_of_the_home(open_folder: Path) -> None:
    own = open_folder / "own"
    own.mkdir(mode=0o700)
    os.chown(own, NOBODY, NOBODY)
    with lodge(own) as stay:
        assert server(own, "valkey-server").uids().effective == NOBODY
        ask(stay.servers.database_url, KEPT)
        with Guest(own, uid=NOBODY) as both:
            assert both.told["database"] == stay.servers.database_url
            stay.close()
    with Guest(own, uid=NOBODY) as alone:
        assert "error" not in alone.told, alone.told
        assert ask(alone.told["database"], "SELECT n FROM kept") == 7


@needs_namespaces
def test_root_of_a_namespace_that_knows_no_other_user(open_folder: Path) -> None:
    home = open_folder / "home"
    with Guest(home, wrap=NAMESPACE, broker=False) as guest:
        assert "error" not in guest.told, guest.told
        assert ask(guest.told["database"], "SELECT 1") == 1
    with lodge(home, broker=False) as stay:  # what was root's there, root gives to nobody here
        assert ask(stay.servers.database_url, "SELECT 1") == 1
    wait_until(lambda: nothing_left(home), GONE)


@needs_namespaces
def test_where_no_way_is_left_the_error_names_what_to_set(open_folder: Path) -> None:
    no_more = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    with Guest(open_folder / "home", wrap=(*NAMESPACE, "sh", "-c", no_more, "sh")) as guest:
        assert guest.told["error"] == "NoLocalServer"
        assert "PostgreSQL refuses to run as root" in guest.told["detail"]
        assert "DATABASE_URL" in guest.told["remedy"]


@pytest.mark.skipif(ROOT, reason="root starts PostgreSQL as somebody else")
def test_an_ordinary_user_runs_both_as_itself(home: Path) -> None:
    with lodge(home):
        assert server(home, "postgres").uids().effective == os.geteuid()
        assert server(home, "valkey-server").uids().effective == os.geteuid()


def test_a_home_at_the_end_of_a_long_path_with_odd_letters(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 40) / "with space, 'quote' & 100 % ü"
    with lodge(home) as stay:
        assert ask(stay.servers.database_url, "SELECT 1") == 1
        assert command(stay.servers.redis_url, "PING") == b"+PONG\r\n"
        for path in Home(home).sockets().rglob("*"):
            assert len(os.fsencode(path)) <= LONGEST_SOCKET
    wait_until(lambda: nothing_left(home), GONE)


def test_a_sockets_folder_that_others_could_write_to_is_not_taken(tmp_path: Path) -> None:
    place = Home(tmp_path / "home")
    place.create()
    mine = place.sockets()
    assert place.sockets() == mine
    mine.chmod(0o777)
    other = place.sockets()
    assert other != mine
    other.rmdir()
    other.symlink_to(mine)
    assert place.sockets() not in (mine, other)
    place.forget_sockets()
    other.unlink()
    mine.rmdir()


@needs_root
def test_a_sockets_folder_of_somebody_else_is_not_taken(tmp_path: Path) -> None:
    place = Home(tmp_path / "home")
    place.create()
    theirs = place.sockets()
    os.chown(theirs, STRANGER, STRANGER)
    assert place.sockets() != theirs
    place.forget_sockets()
    assert theirs.exists()
    theirs.rmdir()
