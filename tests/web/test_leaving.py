"""A web server that is asked to end: with WAYSTATION_LINGER it serves on for a moment, and nobody finds a shut door."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.cli.running import COMMAND, environ
from tests.support import wait_until
from waystation.wiring import House


@dataclass
class Web:
    """A `waystation web` that is ready."""

    process: subprocess.Popen[bytes]
    host: str
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def get(self, path: str, connection: http.client.HTTPConnection | None = None) -> tuple[int, str | None]:
        """The status, and what is said of the connection."""
        asked = connection or self.connect()
        asked.request("GET", path)
        answer = asked.getresponse()
        answer.read()
        if connection is None:
            asked.close()
        return answer.status, answer.getheader("Connection")


@pytest.fixture
def web(house: House, request: pytest.FixtureRequest) -> Iterator[Web]:
    env = environ(**house.settings.environ() | {"WAYSTATION_PORT": "0", "WAYSTATION_NO_SUCH_SETTING": "1"} | request.param)
    with subprocess.Popen([*COMMAND, "web", "--json"], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = urlsplit(json.loads(process.stdout.readline())["url"])
        assert address.hostname
        assert address.port
        yield Web(process, address.hostname, address.port)
        process.kill()


@pytest.mark.parametrize("web", [{"WAYSTATION_LINGER": "600"}], indirect=True)
def test_while_it_lingers_it_serves_and_sends_everybody_elsewhere(web: Web) -> None:
    kept = web.connect()
    assert web.get("/healthz", kept) == (200, "keep-alive")
    assert web.get("/readyz?parts=database")[0] == 200
    web.process.send_signal(signal.SIGTERM)
    wait_until(lambda: web.get("/readyz?parts=database")[0] == 503)
    assert web.get("/tasks/", kept) == (200, "close")  # the connection it kept, and each new one
    assert web.get("/tasks/") == (200, "close")
    web.process.send_signal(signal.SIGINT)  # whoever can't wait
    assert web.process.wait(timeout=30) == 0


@pytest.mark.parametrize("web", [{"WAYSTATION_LINGER": "0.2"}], indirect=True)
def test_then_it_ends(web: Web) -> None:
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(timeout=30) == 0
    with pytest.raises(ConnectionRefusedError):
        web.get("/healthz")
