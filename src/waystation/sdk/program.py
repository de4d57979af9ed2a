"""A running program, as a kind sees it: its lines, its end, and what can be done to its process group."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from waystation.sdk import minder

LONGEST_LINE = 8 * 1024  # bytes; what comes beyond is cut off
AHEAD = 1000  # lines that wait to be read; then the program waits


def _harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what is Waystation's own: a program has no use for the database's password."""
    own = ("WAYSTATION_", "DATABASE_URL", "REDIS_URL")
    return {name: value for name, value in environ.items() if not name.startswith(own)}


class Program:
    """A program in a process group of its own, whose output comes line by line. Use as a context manager: at its end nothing
    that the program has started is alive, and the same holds when this process is killed."""

    def __init__(self, argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue(AHEAD)
        self._over = False
        self._minder = subprocess.Popen(
            [sys.executable, "-I", minder.__file__, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**_harmless(os.environ), **(env or {})},
            start_new_session=True,  # whoever kills the worker's group leaves the minder to do its work
        )
        self._reader = threading.Thread(target=self._read, name="program", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._minder.stdout is not None
        while line := self._minder.stdout.readline(LONGEST_LINE):
            self._lines.put(line)
        self._lines.put(None)

    def lines(self, seconds: float, most: int) -> list[bytes]:
        """What it says within so many seconds, at most so many lines; at once when it has ended."""
        until = time.monotonic() + seconds
        found: list[bytes] = []
        while not self._over and len(found) < most:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                self._over = True
            else:
                found.append(line)
        return found

    @property
    def over(self) -> bool:
        """It has ended, and all that it said was given."""
        return self._over

    def exit_code(self) -> int:
        """Its exit code, or 128 and the number of the signal that ended it."""
        return self._minder.wait()

    def hold(self) -> None:
        """Let its process group stand still where it is, in memory."""
        self._order(b"stop")

    def go_on(self) -> None:
        """Let it go on."""
        self._order(b"cont")

    def end(self, grace: float) -> list[bytes]:
        """Ask it to end (SIGTERM); after `grace` seconds kill it and all that it started. What it still said."""
        self._order(b"term")
        self._order(b"cont")  # one that stands still hears nothing
        said: list[bytes] = []
        until = time.monotonic() + grace
        while not self._over and time.monotonic() < until:
            said += self.lines(until - time.monotonic(), AHEAD)
        self._close()
        while not self._over:
            said += self.lines(1.0, AHEAD)
        return said[-AHEAD:]

    def _order(self, word: bytes) -> None:
        assert self._minder.stdin is not None
        try:
            self._minder.stdin.write(word + b"\n")
            self._minder.stdin.flush()
        except (BrokenPipeError, ValueError):
            return  # it has ended

    def _close(self) -> None:
        """End the pipe: the minder kills whatever is left."""
        assert self._minder.stdin is not None
        try:
            self._minder.stdin.close()
        except BrokenPipeError:
            return

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()
        while not self._over:
            self.lines(1.0, AHEAD)
        self._minder.wait()
        self._reader.join()
        assert self._minder.stdout is not None
        self._minder.stdout.close()
