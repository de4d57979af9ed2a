"""Answers on their way out: who does not read keeps no thread.

A thread sends as much of an answer as the line takes at once. The rest waits at the porch until the line takes more, with no
more of it in memory than the block that did not fit.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

UNSENT = 2**18  # bytes of an answer that the system takes ahead of its reader; by itself it takes megabytes
BLOCK = 2**16  # bytes of a file that are read at once, and so the most of it that waits in memory


class Outbox:
    """What gunicorn's answer writes to in the place of a socket: it never waits."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        with suppress(OSError, AttributeError):  # systems without it keep what they want
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        self._left = memoryview(b"")

    def sendall(self, data: bytes) -> None:
        """Send what the line takes, and keep what it does not."""
        self._left = memoryview(bytes(self._left) + data) if self._left else memoryview(data)
        self.push()

    def push(self) -> bool:
        """Send more of what is left; whether nothing is. Raises OSError when the line is broken."""
        try:
            while self._left:
                self._left = self._left[self._line.send(self._left, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return False
        return True


class Outgoing:
    """One answer, from its first byte to its last. `answer` is gunicorn's: it writes the head and frames what follows."""

    def __init__(self, answer: Any, body: Iterable[bytes], line: socket.socket) -> None:
        self._answer, self._body = answer, body
        self._answer.sock = self._outbox = Outbox(line)
        self._blocks: Iterator[bytes] = iter(body)
        self._framed = False

    def go_on(self) -> bool:
        """Send on; whether all of it is sent. Raises OSError when the line is broken, and what making the body raises."""
        while self._outbox.push():
            if self._framed:
                return True
            block = next(self._blocks, None)
            if block is None:
                self._answer.close()
                self._framed = True
            else:
                self._answer.write(block)
        return False

    @property
    def last(self) -> bool:
        """Whether the connection ends with it."""
        return bool(self._answer.should_close())

    @property
    def begun(self) -> bool:
        """Whether a client may have seen some of it: then nothing else can be answered."""
        return bool(self._answer.headers_sent)

    def close(self) -> None:
        """Let go of what the body is made of."""
        if callable(close := getattr(self._body, "close", None)):
            close()
