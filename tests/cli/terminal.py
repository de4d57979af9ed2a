"""A terminal in memory: a command runs in it as under a person's eyes, and the test sees the screen."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyte

from tests.cli.running import COMMAND, environ


class Terminal:
    """One command and its screen."""

    def __init__(self, *arguments: str, columns: int = 100, lines: int = 24, **env: str) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = bytearray()
        self._master, slave = pty.openpty()
        self.resize(columns, lines)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ(TERM="xterm-256color", COLORTERM="", **env),
            start_new_session=True,
        )
        os.close(slave)
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            select.select([self._master], [], [])
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            with self._lock:
                self.raw += data
                self._stream.feed(data)

    def lines(self) -> list[str]:
        """What is on the screen, without the blanks at the right and the empty lines."""
        with self._lock:
            return [line.rstrip() for line in self.screen.display if line.strip()]

    def text(self) -> str:
        """The same in one piece."""
        return "\n".join(self.lines())

    def type(self, text: str) -> None:
        """Keys that a person presses."""
        os.write(self._master, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """The window is drawn larger or smaller."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def end(self) -> int:
        """Wait until the command has ended: its exit code."""
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return code

    def close(self) -> None:
        """End it if need be."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)


@contextmanager
def terminal(*arguments: str, columns: int = 100, lines: int = 24, **env: str) -> Iterator[Terminal]:
    """A command in a terminal of its own for the time of a test."""
    made = Terminal(*arguments, columns=columns, lines=lines, **env)
    try:
        yield made
    finally:
        made.close()
