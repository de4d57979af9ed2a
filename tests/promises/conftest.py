"""A house without a worker: its tasks run in the test's own process, when a test says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import fresh_settings
from waystation.local import Servers
from waystation.wiring import House, open_house


@pytest.fixture(scope="module")
def desk(servers: Servers) -> Iterator[House]:
    """Shared by the tests of a module; chunks are small, so that there are many places to cut."""
    with fresh_settings(servers, chunk_rows=500) as settings, open_house(settings, migrating=False) as made:
        yield made
