"""A server for the tests of the command line and of the client."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Up, start_up
from waystation.client import Client


@pytest.fixture(scope="package")
def up() -> Iterator[Up]:
    """A `waystation up` that the tests of this folder share."""
    with tempfile.TemporaryDirectory(prefix="ws-cli-") as home:
        started = start_up(Path(home), WAYSTATION_CHUNK_ROWS="2000")
        yield started
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(timeout=60) == 0
        assert started.process.stdout is not None
        started.process.stdout.close()


@pytest.fixture
def client(up: Up) -> Client:
    """A client of that server."""
    return Client(up.url, actor="ada")


@pytest.fixture(scope="package")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 30,000 invented people."""
    from waystation.cli.people import write_people

    path = tmp_path_factory.mktemp("people") / "people.csv"
    with path.open("wb") as file:
        write_people(file, 30_000)
    return path
