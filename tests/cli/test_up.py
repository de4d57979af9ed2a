"""`waystation up`: one line when ready, everything ends with it, and what dies is started again."""

from __future__ import annotations

import signal
import socket
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.cli.running import Up, of_home, run, start_up
from tests.support import wait_until
from waystation.client import Client
from waystation.errors import WaystationError


def end(up: Up, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Ask it to end: its exit code, and what else it said on standard output."""
    if up.process.poll() is None:
        up.process.send_signal(number)
    code = up.process.wait(timeout=60)
    assert up.process.stdout is not None
    with up.process.stdout as rest:
        return code, rest.read().decode()


def ready(url: str) -> bool:
    try:
        Client(url, timeout=5).ready()
    except WaystationError:
        return False
    return True


def command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def children(up: Up, word: str) -> list[psutil.Process]:
    """The supervisor's children that run this command."""
    return [p for p in psutil.Process(up.process.pid).children() if f"-m waystation {word}" in command(p)]


NUMBERS = [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]


@pytest.mark.parametrize("number", NUMBERS, ids=["SIGTERM", "SIGINT"])
def test_it_says_one_line_and_leaves_nothing_running(tmp_path: Path, number: signal.Signals, up: Up) -> None:
    neighbour = up  # two homes side by side on one machine
    up = start_up(tmp_path / "home")
    assert up.url != neighbour.url
    assert up.said.startswith(f"Waystation is ready at {up.url} ")
    assert ready(up.url)
    family = up.everybody()
    assert {"web", "worker"} <= {word for p in family for word in command(p).split()}
    assert any("postgres" in command(p) for p in family)
    code, rest = end(up, number)
    assert (code, rest) == (0, "")
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert of_home(up.home) == []
    assert ready(neighbour.url)


@pytest.mark.parametrize(
    "word",
    [pytest.param("web", marks=pytest.mark.long), "worker"],
)
def test_what_dies_is_started_again_at_the_same_address(tmp_path: Path, word: str) -> None:
    up = start_up(tmp_path / "home")
    try:
        [old] = children(up, word)
        old.kill()
        psutil.wait_procs([old], timeout=10)
        wait_until(partial(children, up, word), timeout=20)
        wait_until(lambda: ready(up.url), timeout=30)
    finally:
        assert end(up) == (0, "")
        try:
            # What the killed worker left ends as after a SIGTERM: on its own, so it may come after everything else.
            wait_until(lambda: of_home(up.home) == [], timeout=30)
        finally:
            for process in of_home(up.home):
                process.kill()


def test_a_supervisor_that_is_killed_takes_everything_with_it(tmp_path: Path) -> None:
    up = start_up(tmp_path / "home")
    family = up.everybody()
    up.process.kill()
    end(up)
    wait_until(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], timeout=30)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("up", "--home", str(tmp_path), "--port", str(port))
    assert done.returncode == 8
    assert f"Port {port} of 127.0.0.1" in done.stderr
    assert of_home(tmp_path) == []


def test_a_wrong_setting_ends_it_at_once(tmp_path: Path) -> None:
    done = run("up", "--home", str(tmp_path), WAYSTATION_SLOTS="many")
    assert done.returncode == 8
    assert "WAYSTATION_SLOTS" in done.stderr


def test_a_kind_that_can_not_be_loaded_ends_it(tmp_path: Path) -> None:
    done = run("up", "--home", str(tmp_path / "home"), "--port", "0", WAYSTATION_KINDS="no.such.module")
    assert done.returncode == 8
    assert "no.such.module" in done.stderr
    assert of_home(tmp_path) == []


def test_a_worker_is_drained_by_name_of_its_home(tmp_path: Path) -> None:
    nobody = run("worker", "--drain", WAYSTATION_HOME=str(tmp_path))
    assert nobody.returncode == 3
    assert "No worker runs" in nobody.stderr
