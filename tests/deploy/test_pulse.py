"""What a container engine's probes see of a real worker."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import StartWorker
from tests.support import wait_until
from waystation import health
from waystation.settings import env_name


def test_a_worker_is_ready_once_it_is_known_and_no_longer_when_it_was_asked_to_end(
    start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = tmp_path / "pulse"
    monkeypatch.setenv(env_name("pulse"), str(pulse))
    assert health.main(["ready"]) == 1
    worker = start_worker(pulse=pulse)
    wait_until(lambda: health.main(["ready"]) == 0)
    assert health.main(["worker"]) == 0
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=40) == 0
    assert health.main(["ready"]) == 1
