"""The probes' program: what it says of a worker's signs of life, and of a web server that is not there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from waystation import health
from waystation.settings import Settings, env_name


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the worker's signs of life are looked for; no web server is at the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(env_name("port"), str(free.getsockname()[1]))
    path = tmp_path / "pulse"
    monkeypatch.setenv(env_name("pulse"), str(path))
    return path


def test_a_worker_is_well_while_its_signs_are_young(pulse: Path) -> None:
    assert health.main(["worker"]) == 1
    health.beat(pulse, takes_tasks=False)
    assert health.main(["worker"]) == 0
    silent = time.time() - health.STALE - 1
    os.utime(pulse, (silent, silent))
    assert health.main(["worker"]) == 1


def test_it_is_ready_when_it_takes_tasks(pulse: Path) -> None:
    assert health.main(["ready"]) == 1
    health.beat(pulse, takes_tasks=False)
    assert health.main(["ready"]) == 1
    health.beat(pulse, takes_tasks=True)
    assert health.main(["ready"]) == 1
    health.listening(pulse).touch()
    assert health.main(["ready"]) == 0


def test_without_a_word_it_asks_for_what_is_there(pulse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert health.main([]) == 1
    assert "web server does not answer" in capsys.readouterr().err
    health.beat(pulse, takes_tasks=True)
    assert health.main([]) == 0


def test_a_wrong_word_and_a_missing_setting_are_said_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(env_name("pulse"), raising=False)
    assert health.main(["heart"]) == 1
    assert "Usage" in capsys.readouterr().err
    assert health.main(["ready"]) == 1
    assert "WAYSTATION_PULSE names no file" in capsys.readouterr().err


def test_its_default_port_is_the_settings_own() -> None:
    assert Settings.from_env({}).port == health.PORT


def test_it_costs_little() -> None:
    """A probe asks every few seconds: none of what makes Waystation's other programs slow to start may be imported."""
    heavy = "import waystation.health, sys; print(*sys.modules.keys() & {'pydantic', 'flask', 'celery', 'psycopg', 'redis'})"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
