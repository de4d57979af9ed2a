"""The private Valkey, on a Unix socket alone. It holds rings, never truth: data that it can't read are thrown away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from waystation.local.binaries import find_valkey
from waystation.local.paths import Home
from waystation.local.process import Identity, Pulse, StartFailed, end, expel, identities, launch


class Valkey:
    """One private Valkey of one home. All methods are the keeper's, from its main thread."""

    name = "broker"

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.root / "valkey"
        self.process: subprocess.Popen[bytes] | None = None
        self._failures = 0

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def url(self) -> str:
        """How Celery reaches it; `client_url` makes of it what redis-py takes."""
        return f"redis+socket://{self._socket()}"

    def _socket(self) -> Path:
        return self.home.sockets() / "valkey" / "s"

    def start(self, pulse: Pulse) -> None:
        """Start it and wait until it answers. Raises NoLocalServer when there is none, StartFailed when it ended."""
        program, path = find_valkey(), self._socket()
        for folder in (self.folder, path.parent):
            self.home.private(folder)
        expel(self.folder, pulse)
        path.unlink(missing_ok=True)
        if self._failures > 1:
            shutil.rmtree(self.folder)
            self.home.private(self.folder)
        settings = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "dir": ".",
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }
        argv: list[str | Path] = [program]
        for name, value in settings.items():
            argv += [f"--{name}", value]
        with self.home.log("valkey") as log:
            self.process = launch(argv, self._identity(), parting=signal.SIGTERM, cwd=self.folder, output=log)
        while not _answers(path):
            if not self.alive():
                self._failures += 1
                raise StartFailed(f"Valkey ended at its start:\n{self.home.log_end('valkey')}")
            pulse(0.01)
        self._failures = 0

    def stop(self) -> None:
        """Stop it; what it holds is on disk then."""
        if self.process is not None and self.alive():
            end(self.process, [(signal.SIGTERM, 10.0)])

    def _identity(self) -> Identity:
        found = identities(self.home.owner(), refuses_root=False)
        # Root starts it as whom the home belongs to, and passes closed folders by the capability if it may keep it.
        return found[-2] if os.geteuid() == 0 and len(found) > 1 else found[0]


def _answers(path: Path) -> bool:
    """Whether a PING is answered (while it loads its data, it is not)."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
