"""A small service with a paged list of people, to try things with.

    python examples/people_service.py --port 8901 --people 2000 --flaky 0.05

GET /people?after=TOKEN answers {"people": […], "next": TOKEN or null, "total": N}; some answers are a 503.
"""

from __future__ import annotations

import argparse
import json
import random
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 50


def person(id: int) -> dict[str, Any]:
    """One of them; the same at each call."""
    born = date(1950, 1, 1) + timedelta(days=id * 37 % 20_000)
    return {"id": id, "name": f"Person {id}", "born": born.isoformat(), "tags": ["even" if id % 2 == 0 else "odd"]}


def page(after: int, people: int) -> dict[str, Any]:
    """The people after this id."""
    last = min(after + PAGE, people)
    found = [person(id) for id in range(after + 1, last + 1)]
    return {"people": found, "next": str(last) if last < people else None, "total": people}


def serve(port: int, people: int, flaky: float = 0.0) -> ThreadingHTTPServer:
    """A server that listens on this port of this machine; `serve_forever` runs it."""

    class Desk(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            after = parse_qs(urlsplit(self.path).query).get("after", ["0"])[0]
            body = json.dumps(page(int(after), people)).encode()
            self.send_response(503 if random.random() < flaky else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    return ThreadingHTTPServer(("127.0.0.1", port), Desk)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8901)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--flaky", type=float, default=0.05)
    given = parser.parse_args()
    with serve(given.port, given.people, given.flaky) as server:
        print(f"People at http://127.0.0.1:{given.port}/people; Ctrl-C ends it.")
        server.serve_forever()
