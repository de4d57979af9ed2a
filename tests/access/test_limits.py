"""Limits of what a file and a request may be: each has an error of its own, and what is refused leaves nothing behind."""

from __future__ import annotations

import io
import socket

import pytest

from tests.access.test_crowds import with_limits
from tests.access.test_tokens import code
from tests.support import at_state, send, wait_until
from tests.web.serving import Served
from waystation.errors import TooManyColumns, TooManyUploads
from waystation.model import State
from waystation.settings import Settings
from waystation.web.app import create_app
from waystation.web.crowds import Crowds
from waystation.wiring import House

TOWN = {"max_rows": 100, "max_columns": 3, "max_record": 1024}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"a\n" + b"1\n" * 101, "too-many-rows"),
        (b"a,b\n1,2\n1," + b"x" * 2000 + b"\n3,4\n", "record-too-long"),
        (b'a,b\n1,2\n1,"' + b"x,y\n" * 1000, "record-too-long"),  # a quote that is never closed
    ],
)
def test_an_import_beyond_a_limit_fails_with_its_own_error(town: House, data: bytes, error: str) -> None:
    failed = at_state(town, send(town, data, dataset="beyond"), State.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == error, failed.error


def test_an_import_at_a_limit_is_taken(town: House) -> None:
    at_state(town, send(town, b"a,b,c\n" + b"1,2,3\n" * 100, dataset="at"), State.SUCCEEDED)


def test_too_many_columns_are_refused_before_there_is_a_task(town: House) -> None:
    with pytest.raises(TooManyColumns):
        send(town, b"a,b,c,d\n1,2,3,4\n")


def test_uploads_at_a_time(house: House) -> None:
    crowds = Crowds()
    with crowds.upload(1), pytest.raises(TooManyUploads), crowds.upload(1):
        raise AssertionError
    with crowds.upload(1):
        pass
    app = create_app(with_limits(house, uploads_at_once=0))
    sent = app.test_client().post("/tasks/upload", data={"file": (io.BytesIO(b"a\n1\n"), "a.csv")})
    assert code(sent) == (503, "too-many-uploads")


def test_who_sends_slowly_keeps_no_thread(settings: Settings, house: House) -> None:
    """More half-sent requests than there are threads: all are given up, and others are answered."""
    served = Served(settings.model_copy(update={"port": 0, "threads": 4, "sse_clients": 0, "request_seconds": 1.0}))
    lines: list[socket.socket] = []
    try:
        for head in (b"GET /healthz HTT", b"GET /healthz HTTP/1.1\r\nX: ", b"POST /tasks/ HTTP/1.1\r\nHost: localhost\r\n") * 3:
            lines.append(socket.create_connection(("127.0.0.1", served.port), timeout=30))
            lines[-1].sendall(head)
        body = socket.create_connection(("127.0.0.1", served.port), timeout=30)
        lines.append(body)
        body.sendall(
            b"POST /tasks/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\na\n"
        )
        wait_until(lambda: served.ask("GET", "/healthz")[0] == 200, timeout=30)
        assert b" 408 " in body.recv(100)
        assert all(line.recv(100) == b"" for line in lines[:9])
    finally:
        for line in lines:
            line.close()
        served.end()
