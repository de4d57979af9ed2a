"""A client that counts what fails: it runs in the cluster, asks without a pause, and says its figures as JSON at the end.

Three ways at once: a connection for each request, a connection that is kept, and uploads. It needs nothing but Python, since it
runs in a pod of Waystation's own image: `python -c SOURCE HOST PORT STOP_FILE`.
"""

from __future__ import annotations

import collections
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

counts: collections.Counter[str] = collections.Counter()
failures: list[str] = []


def answer(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> bool:
    """Whether the connection is kept; raises what went wrong."""
    connection.request(method, path, body, {"Content-Type": "text/csv"} if body else {})
    got = connection.getresponse()
    said = got.read()
    if got.status >= 400:
        raise ValueError(f"{got.status} {said[:200]!r}")
    return not got.will_close


def new(host: str, port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(host, port, timeout=60)


def fresh(host: str, port: int) -> None:
    connection = new(host, port)
    try:
        answer(connection, "GET", "/tasks/?limit=5")
    finally:
        connection.close()


def upload(host: str, port: int) -> None:
    connection = new(host, port)
    try:
        answer(connection, "POST", "/tasks/upload?dataset=counted&dry_run=true&name=c.csv", b"a,b\n1,2\n")
    finally:
        connection.close()


class Kept:
    """One connection as long as the server keeps it."""

    def __init__(self) -> None:
        self.connection: http.client.HTTPConnection | None = None

    def __call__(self, host: str, port: int) -> None:
        if self.connection is None:
            self.connection = new(host, port)
            counts["connections"] += 1
        kept = False
        try:
            kept = answer(self.connection, "GET", "/healthz")
        finally:
            if not kept:
                self.connection.close()
                self.connection = None


def ask(name: str, once: Callable[[str, int], None], pause: float, host: str, port: int, over: threading.Event) -> None:
    while not over.wait(pause):
        try:
            once(host, port)
            counts[name] += 1
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{name}: {type(error).__name__} {error}")


def main(host: str, port: int, stop: Path) -> None:
    over = threading.Event()
    ways: list[tuple[str, Callable[[str, int], None], float]] = [
        ("fresh", fresh, 0.02),
        ("kept", Kept(), 0.02),
        ("upload", upload, 0.5),
    ]
    threads = [threading.Thread(target=ask, args=(*way, host, port, over)) for way in ways]
    for thread in threads:
        thread.start()
    while not stop.exists():
        time.sleep(0.2)
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"counts": counts, "failures": failures}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
