"""What a container engine's probes see of a real worker."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.conftest import StartWorker
from tests.support import wait_until
from waystation import health
from waystation.settings import env_name


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(env_name("pulse"), str(tmp_path / "pulse"))
    return tmp_path / "pulse"


def ready() -> bool:
    return health.main(["ready"]) == 0


def test_a_worker_is_ready_once_it_is_known_and_no_longer_when_it_was_asked_to_end(
    start_worker: StartWorker, pulse: Path
) -> None:
    assert not ready()
    worker = start_worker(pulse=pulse)
    wait_until(ready)
    assert health.main(["worker"]) == 0
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=40) == 0
    assert not ready()


def test_a_worker_is_not_ready_while_its_celery_main_does_not_listen(start_worker: StartWorker, pulse: Path) -> None:
    worker = start_worker(pulse=pulse)
    wait_until(ready)
    main = next(p for p in psutil.Process(worker.pid).children() if "waystation.engine.main" in p.cmdline())
    main.kill()
    wait_until(lambda: not ready())
    wait_until(ready, timeout=30)  # another one was started
