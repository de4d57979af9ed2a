"""What every test may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(fact: Callable[[], T], timeout: float = 10.0, every: float = 0.02) -> T:
    """Ask for a fact until it is true, and return it. Fails, naming the fact, when it is not true after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = fact()
        if found:
            return found
        assert time.monotonic() < deadline, f"not true after {timeout} s: {getattr(fact, '__qualname__', fact)}"
        time.sleep(every)
