"""A proxy on loopback that can refuse, cut or stall what goes through it: how a network fails."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Proxy:
    """Forwards TCP connections on a free port to a unix socket."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = threading.Event()
        self._over = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """Nothing gets through, and nobody is told."""
        self._flowing.clear()

    def flow(self) -> None:
        """Everything gets through again."""
        self._refusing.clear()
        self._flowing.set()

    def refuse(self) -> None:
        """New connections are closed at once, and those that are open are cut."""
        self._refusing.set()
        self.cut()

    def cut(self) -> None:
        """Close what is open."""
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The end."""
        self._over.set()
        self._flowing.set()
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                server.close()
                continue
            self._pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready, client, server:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while not self._over.is_set():
                for key, _ in ready.select(timeout=0.2):
                    self._flowing.wait()
                    try:
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return
                        key.data.sendall(data)
                    except OSError:
                        return


@contextmanager
def proxy_to(unix_socket: str) -> Iterator[Proxy]:
    """A proxy for the time of a test."""
    proxy = Proxy(unix_socket)
    try:
        yield proxy
    finally:
        proxy.close()
