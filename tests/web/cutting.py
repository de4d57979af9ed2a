"""A connection that breaks: a proxy on loopback that cuts after so many bytes, as a network does in the middle of an upload."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

BLOCK = 65536


class CuttingProxy:
    """Forwards to a port of this machine. When `cuts[0]` bytes in all have gone to the server it breaks the connection that
    they went through, then at `cuts[1]`, and so on; `made` counts the cuts."""

    def __init__(self, port: int, cuts: Sequence[int]) -> None:
        self._target, self._cuts = port, list(cuts)
        self._sent = self.made = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        """No more cuts."""
        with self._lock:
            self._cuts.clear()

    def close(self) -> None:
        """The end: nobody gets through any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for pair in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        try:
            while data := source.recv(BLOCK):
                if up and not self._may_pass(len(data)):
                    source.shutdown(socket.SHUT_RDWR)
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR if not up else socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            source.close()

    def _may_pass(self, size: int) -> bool:
        with self._lock:
            self._sent += size
            if self._cuts and self._sent > self._cuts[0]:
                self._cuts.pop(0)
                self.made += 1
                return False
        return True


@contextmanager
def cutting(port: int, cuts: Sequence[int]) -> Iterator[CuttingProxy]:
    """Such a proxy for the time of a test."""
    proxy = CuttingProxy(port, cuts)
    try:
        yield proxy
    finally:
        proxy.close()
