"""What a hostile input is sent to: a real server with a real worker behind it, and the ways of sending."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tests.support import wait_until
from waystation.settings import Settings
from waystation.wiring import House

PATIENCE = 600.0  # seconds for one answer or one task: a bound for what hangs, no measure


@dataclass
class Stage:
    """One case's view of the server. `whole`: the sizes of the proof, not those of the suite."""

    house: House
    port: int
    whole: bool
    said: Any = None  # the last answer, for whoever reads that a case failed
    datasets: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """The server's."""
        return self.house.settings

    def size(self, whole: int, small: int) -> int:
        """How much of something is sent."""
        return whole if self.whole else small

    # -- as a client that keeps to HTTP
    def ask(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> str:
        """One request; the status of its answer, and its code if it is a problem."""
        status, said = self._exchange(method, path, body, headers)
        self.said = said
        code = said.get("code", "") if isinstance(said, dict) else ""
        assert status < 500 or code, (status, said)
        return f"{status} {code}".strip()

    def post(self, path: str, value: object, method: str = "POST") -> str:
        """A JSON body, as text if it is one already."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask(method, path, body, **{"Content-Type": "application/json"})

    def get(self, path: str, **query: str) -> str:
        """A GET; the path stands on the line as it is."""
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def upload(self, data: bytes | Iterable[bytes], **query: str) -> str:
        """A file as the raw body; how its import ended, or why it was refused."""
        return self.end(self.ask("POST", f"/tasks/upload?{urlencode(query)}", data, **{"Content-Type": "text/csv"}))

    def end(self, outcome: str) -> str:
        """Of a task that was just submitted, its end; any other outcome as it is."""
        if not outcome.startswith("202"):
            return outcome
        address = self.said["self_url"]

        def ended() -> Any:
            _, task = self._exchange("GET", f"{address}?wait=5", None, {})
            return task if task["complete"] else None

        self.said = wait_until(ended, PATIENCE)
        error = self.said["error"]
        return f"{self.said['status']} {error['code']}" if error else str(self.said["status"])

    def no_tasks_of(self, dataset: str) -> None:
        """Of what was sent there, nothing became a task."""
        self.get("/tasks/", dataset=dataset)
        assert self.said["tasks"] == [], self.said

    def export(self, dataset: str, **asked: object) -> str:
        """The rows of a dataset; `said` is the file afterwards."""
        outcome = self.end(self.post("/tasks/download", {"dataset": dataset, **asked}))
        if outcome == "succeeded":
            self.said = self.file(f"{self.said['self_url']}/result")
        return outcome

    def file(self, path: str) -> bytes:
        """The body of an answer, as it is."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            line.request("GET", path)
            return line.getresponse().read()
        finally:
            line.close()

    def _exchange(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # the answer may be there before all is sent
                line.request(method, quote(path, safe="/?&=%+:,;~!*'()@$-._"), body, headers)
            answer = line.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if "json" in (answer.getheader("Content-Type") or "") else raw[:500]
        finally:
            line.close()

    # -- as one that does not
    def line(self) -> socket.socket:
        """A connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def raw(self, *pieces: bytes, close: bool = False) -> str:
        """Bytes as they are, and how the server answers until it ends the connection: the statuses in order, or `closed`.

        `close`: our half of the connection is closed behind them.
        """
        with self.line() as line:
            for piece in pieces:
                line.sendall(piece)
            if close:
                line.shutdown(socket.SHUT_WR)
            return self.answers(line)

    def answers(self, line: socket.socket) -> str:
        """What comes on a connection until its end."""
        came = bytearray()
        try:
            while piece := line.recv(65536):
                came += piece
        except ConnectionResetError:
            pass  # it was ended while bytes of ours lay unread
        self.said = bytes(came)
        statuses = re.findall(rb"^HTTP/1\.[01] (\d{3})", came, re.MULTILINE)
        return ", ".join(s.decode() for s in statuses) or "closed"
