"""One S3 server for the tests of this folder; `make s3-test` also has a second sort, and larger files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.conftest import end_worker, fresh_settings, launch_worker
from tests.s3.servers import S3Server, moto, seaweedfs
from waystation.local import Servers
from waystation.settings import Settings
from waystation.storage.files.s3 import S3Files
from waystation.wiring import House, open_house

WHOLE = "WAYSTATION_S3_TEST" in os.environ
SORTS = {"seaweedfs": seaweedfs, "moto": moto}


@pytest.fixture(scope="session", params=list(SORTS) if WHOLE else ["seaweedfs"])
def s3(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """A real server that speaks S3."""
    with SORTS[request.param]() as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server) -> S3Files:
    """Files below a prefix of their own."""
    return S3Files.of(Settings.from_env({}, **s3.settings(f"tests/{uuid4()}")))


@pytest.fixture
def harbour(servers: Servers, s3: S3Server) -> Iterator[House]:
    """A house whose files are in the bucket, without a worker."""
    given = s3.settings(f"harbour/{uuid4()}", chunk_rows=4000)
    with fresh_settings(servers, **given) as settings, open_house(settings, migrating=False) as house:
        yield house


@pytest.fixture(scope="module")
def port(servers: Servers, s3: S3Server) -> Iterator[House]:
    """The same with a worker, shared by a module."""
    with (
        fresh_settings(servers, **s3.settings(f"port/{uuid4()}")) as settings,
        open_house(settings, migrating=False) as house,
    ):
        worker = launch_worker(house)
        yield house
        end_worker(worker)
