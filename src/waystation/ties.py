"""Tying a process to its parent, so that a parent killed by -9 leaves nothing running."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_SET_PDEATHSIG = 1


def tie_to(parent: int) -> None:
    """Let the kernel send this process SIGTERM when its parent dies, however that happens (on Linux; elsewhere nothing).

    `parent` is the process that is meant: if it died before this call, this process exits.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)
