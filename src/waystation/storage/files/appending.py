"""A file that grows piece by piece, by one writer at a time; what was synced is there for good."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Self

from waystation.errors import UploadLocked, UploadNotFound
from waystation.storage.room import room, write_all

LOOK_EVERY = 0.02  # seconds between two tries to get the lock


class Appender:
    """The only writer of the file while it is open. Raises UploadLocked when there is another for `patience` seconds.

    The lock is the kernel's, on the open file: it ends with the process that has it, however that ends, and needs no clock.
    """

    def __init__(self, path: Path, *, patience: float = 0.0) -> None:
        self.path = path
        try:
            self._file = path.open("r+b", buffering=0)
        except FileNotFoundError as error:
            raise UploadNotFound from error
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    self._file.close()
                    raise UploadLocked from None
                time.sleep(LOOK_EVERY)
            else:
                break

    def start(self, offset: int, attempt: int) -> None:
        """Go on after the first `offset` bytes: what a writer that died had put behind them is dropped."""
        del attempt  # the lock keeps everybody else out
        if os.fstat(self._file.fileno()).st_size < offset:
            raise OSError(errno.EIO, f"{self.path} is shorter than its row says")
        self._file.truncate(offset)
        self._file.seek(offset)

    def write(self, data: bytes) -> None:
        """Append. Raises DiskFull when there is no room."""
        write_all(self._file, data)

    def sync(self) -> None:
        """On the disk for good. Raises DiskFull."""
        with room():
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
