"""Where the writers of files put their bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any


class Sink(io.RawIOBase):
    """Looks like a file that only grows. Once it is dropped, what libraries still write while they are closed goes nowhere."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._size = 0
        self.dropped = False

    def writable(self) -> bool:
        """Yes, and nothing else."""
        return True

    def write(self, data: Any) -> int:
        """Append."""
        given = bytes(data)
        if not self.dropped:
            self._write(given)
        self._size += len(given)
        return len(given)

    def tell(self) -> int:
        """How much was written."""
        return self._size
