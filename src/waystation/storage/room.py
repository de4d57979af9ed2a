"""No room left on the disk is an error of ours, wherever it is met."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from waystation.errors import DiskFull


class _Unbuffered(Protocol):
    def write(self, data: memoryview, /) -> int | None: ...


@contextmanager
def room() -> Iterator[None]:
    """Turn "no space left" into DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull from error
        raise


def write_all(file: _Unbuffered, data: bytes | bytearray) -> None:
    """Write to an unbuffered file, which may take less than it is given. Raises DiskFull."""
    with room(), memoryview(data) as view:
        at = 0
        while at < len(view):
            at += file.write(view[at:]) or 0
