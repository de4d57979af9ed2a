"""Answers that nobody reads: they keep no thread and no memory, and whoever reads slowly still gets all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from tests.support import wait_until
from tests.web.serving import Serve, rss

THREADS = 4
ANSWERS = 64  # on one line, one behind the other: together they are more than a system keeps of what is not read


@contextmanager
def asked(port: int) -> Iterator[socket.socket]:
    """A line with many requests on it, of whose answers nothing was read yet."""
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(60)
        line.connect(("127.0.0.1", port))
        line.sendall(request % b"" * (ANSWERS - 1) + request % b"Connection: close\r\n")
        yield line


def test_whoever_does_not_read_keeps_nobody_from_being_served_and_may_read_later(serve_it: Serve) -> None:
    served = serve_it(threads=THREADS, sse_clients=0, request_seconds=600)
    _, document = served.ask("GET", "/openapi.json")
    assert document["openapi"]
    process = psutil.Process(served.process.pid).children()[0]
    before = rss(process)
    with ExitStack() as stack:
        lines = [stack.enter_context(asked(served.port)) for _ in range(3 * THREADS)]
        assert served.ask("GET", "/healthz")[0] == 200  # threads that waited for a reader would do so for ten minutes
        came = bytearray()
        while piece := lines[0].recv(65536):
            came += piece
        assert came.count(b"HTTP/1.1 200 OK") == ANSWERS
        assert came.count(b'"openapi"') == ANSWERS
    assert rss(process) - before < 100_000


def test_an_answer_that_stands_still_is_given_up(serve_it: Serve) -> None:
    served = serve_it(threads=THREADS, sse_clients=0, request_seconds=1)
    process = psutil.Process(served.process.pid).children()[0]
    with asked(served.port) as line:
        wait_until(lambda: [c for c in process.net_connections() if c.raddr and c.raddr.port == line.getsockname()[1]])
        wait_until(lambda: not [c for c in process.net_connections() if c.raddr and c.raddr.port == line.getsockname()[1]])
    assert served.ask("GET", "/healthz")[0] == 200
