"""A small team service to try things with: slow, flaky, and with books of all that it was asked.

    python examples/team_service.py --port 8900 --seconds 0.05 --flaky 0.02

POST /teams creates a team once for each Idempotency-Key, however often it is asked; DELETE /teams/ID removes one. A flaky
answer is a 503, or no answer at all, and the team may have been created all the same. GET /books tells what has happened.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Books:
    """The teams that stand, and what was asked of them."""

    def __init__(self, seconds: float = 0.0, flaky: float = 0.0) -> None:
        self.seconds, self.flaky = seconds, flaky
        self.teams: dict[int, str] = {}
        self.made: dict[str, int] = {}  # idempotency key: the id of its team
        self.asked: Counter[str] = Counter()  # creates by idempotency key
        self.named: Counter[str] = Counter()  # teams ever created, by name
        self.deleted = 0
        self._lock = threading.Lock()
        self._keys: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def create(self, key: str, name: str) -> int:
        """The id of the team that this key stands for; two requests with one key wait for each other."""
        with self._lock:
            self.asked[key] += 1
            alone = self._keys[key]
        with alone:
            time.sleep(self.seconds)
            with self._lock:
                if key not in self.made:
                    self.made[key] = len(self.made) + 1
                    self.teams[self.made[key]] = name
                    self.named[name] += 1
                return self.made[key]

    def delete(self, id: int) -> bool:
        """False if there is no such team."""
        time.sleep(self.seconds)
        with self._lock:
            found = self.teams.pop(id, None) is not None
            self.deleted += found
            return found

    def summary(self) -> dict[str, Any]:
        """What has happened, in figures."""
        with self._lock:
            return {
                "standing": len(self.teams),
                "created": sum(self.named.values()),
                "deleted": self.deleted,
                "asked": sum(self.asked.values()),
                "names_created_twice": sorted(name for name, times in self.named.items() if times > 1),
            }


class Handler(BaseHTTPRequestHandler):
    """The HTTP of it. `books` is set by `serve`."""

    books: Books
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The books."""
        self._answer(200, self.books.summary())

    def do_POST(self) -> None:
        """A new team."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._fails():
            return
        id = self.books.create(self.headers["Idempotency-Key"], asked["name"])
        if not self._fails():
            self._answer(201, {"id": id})

    def do_DELETE(self) -> None:
        """One team less."""
        if self._fails():
            return
        found = self.books.delete(int(self.path.rpartition("/")[2]))
        if not self._fails():
            self._answer(200 if found else 404, {})

    def _fails(self) -> bool:
        chance = random.random()
        if chance < self.books.flaky / 4:
            self.close_connection = True  # without a word
        elif chance < self.books.flaky / 2:
            self._answer(503, {})
        return chance < self.books.flaky / 2

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """One thread a connection; a client that was killed is no error of ours."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet."""


def serve(port: int, books: Books) -> Server:
    """A server on this port of the loopback; 0 takes a free one. The caller runs `serve_forever`."""
    return Server(("127.0.0.1", port), type("TeamHandler", (Handler,), {"books": books}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A slow and flaky team service.")
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--seconds", type=float, default=0.05, help="how long a call takes")
    parser.add_argument("--flaky", type=float, default=0.02, help="the part of the calls that fails, 0 to 1")
    given = parser.parse_args()
    server = serve(given.port, Books(given.seconds, given.flaky))
    print(f"The team service is ready at http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
