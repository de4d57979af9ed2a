"""A broker that hangs or is away costs whoever submits a second, not a chain of tries."""

from __future__ import annotations

import socket
import time

import pytest

from waystation.engine import doorbell
from waystation.engine.doorbell import Doorbell


@pytest.mark.parametrize("there", [True, False], ids=["hangs", "away"])
def test_a_ring_is_tried_once(there: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not there:
            silent.close()
        bell = Doorbell(f"redis://127.0.0.1:{port}/0")
        try:
            began = time.monotonic()
            assert bell.ring("default") is False
            assert bell.pending("default") == 0
            assert time.monotonic() - began < 3 * doorbell.PATIENCE, "it was tried again and again"
        finally:
            bell.close()
