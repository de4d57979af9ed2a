"""The real web server in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from waystation.settings import Settings

SERVE = """
import sys
from waystation.settings import Settings
from waystation.web.serve import serve
serve(Settings.from_env(), lambda host, port: print(f"ready {host} {port}", flush=True))
"""
Serve = Callable[..., "Served"]


class Served:
    """A web server in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env={**os.environ, **settings.environ()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        heard, _, _ = select.select([self.process.stdout], [], [], 60)
        assert heard, "the server says nothing"
        self.line = self.process.stdout.readline()
        self.port = int(self.line.split()[2]) if self.line else 0

    def end(self, by: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Ask it to end: its exit code, and what else it printed."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> tuple[int, Any]:
        """One request: its status and its JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    @contextmanager
    def listen(self, path: str = "/events", **headers: str) -> Iterator[http.client.HTTPResponse]:
        """A live stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        try:
            yield response
        finally:
            response.close()
            connection.close()


def rss(process: psutil.Process) -> int:
    """The most memory that a process has ever used, in kB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def next_event(stream: http.client.HTTPResponse) -> dict[str, str]:
    """The next event of a stream, comments and retry times passed over."""
    event: dict[str, str] = {}
    while True:
        line = stream.readline().decode()
        assert line, "the stream has ended"
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "data" and name in event:
            event[name] += f"\n{value}"
        elif name:
            event[name] = value
        elif "data" in event:
            return event
        else:
            event = {}
