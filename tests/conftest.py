"""Fixtures for everybody: private servers once a session, a database and a home of its own for each test that asks.

`house` is one process's wiring on a fresh database; `start_worker` starts a real worker (Celery main, pool children, reaper);
`town` is a house with a worker, shared by the tests of one module.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.kinds import TABLE
from tests.support import wait_until
from waystation.local import Servers, client_url, lodge
from waystation.settings import Settings
from waystation.storage.db import Database
from waystation.storage.migrate import migrate
from waystation.wiring import House, open_house

_numbers = itertools.count(1)
TESTS = Path(__file__).parent
LONGEST = ("crash", "walkthrough", "promises", "s3", "cli", "web", "imports", "access", "storage", "local", "deploy", "docs")
StartWorker = Callable[..., "subprocess.Popen[bytes]"]


def pytest_configure() -> None:
    """What is started in the background by a shell ignores Ctrl-C, and so would all that the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders whose files take longest come first; within a folder the order stays."""
    place = {folder: n for n, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.relative_to(TESTS).parts[0], len(place)))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """A private PostgreSQL and a private Valkey for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="ws-tests-"))
    lodging = lodge(home)
    assert lodging.servers.database_url
    with psycopg.connect(lodging.servers.database_url, autocommit=True) as connection:
        # Tests kill processes, never the machine: what is written need not reach the disk.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE template_ws")
    migrate(Database(url_of(lodging.servers, "template_ws")))
    with psycopg.connect(url_of(lodging.servers, "template_ws"), autocommit=True) as connection:
        connection.execute(TABLE)
    yield lodging.servers
    lodging.close()
    shutil.rmtree(home, ignore_errors=True)


def url_of(servers: Servers, database: str) -> str:
    """The URL of another database on the session's server."""
    assert servers.database_url
    return make_conninfo(servers.database_url, dbname=database)


@contextmanager
def fresh_settings(servers: Servers, **given: object) -> Iterator[Settings]:
    """Settings with a database, a broker number and a home of their own, and short leases."""
    number = next(_numbers)
    name = f"test_{os.getpid()}_{number}"
    assert servers.database_url
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_ws").format(sql.Identifier(name)))
    broker = f"{servers.redis_url}?virtual_host={number % 16}"
    with redis.Redis.from_url(client_url(broker)) as client:
        client.flushdb()  # the number may be one that an earlier test had
    home = Path(tempfile.mkdtemp(prefix="ws-home-"))
    values: dict[str, object] = {
        "home": home,
        "database_url": url_of(servers, name),
        "redis_url": broker,
        "lease": 2.0,
        "heartbeat": 0.4,
        "reap": 0.2,
        "slots": 2,
        "log": "warning",
    }
    try:
        yield Settings.from_env({}, **{**values, **given})
    finally:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def settings(servers: Servers) -> Iterator[Settings]:
    """Settings of one test."""
    with fresh_settings(servers) as made:
        yield made


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """One process's wiring, without a worker."""
    with open_house(settings, migrating=False) as made:
        yield made


@pytest.fixture(scope="module")
def shared_house(servers: Servers) -> Iterator[House]:
    """The same for all tests of a module."""
    with fresh_settings(servers) as made, open_house(made, migrating=False) as house:
        yield house


def launch_worker(house: House, **given: object) -> subprocess.Popen[bytes]:
    """A real worker in processes of its own; returns once it has announced itself and its children can work."""
    settings = house.settings.model_copy(update=given)
    before = {w.id for w in house.control.workers()}
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from waystation.wiring import run_worker; "
            "from waystation.settings import Settings; sys.exit(run_worker(Settings.from_env()))",
        ],
        env={**os.environ, **settings.environ(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
    )
    wait_until(lambda: {w.id for w in house.control.workers()} - before, timeout=60)
    return process


def end_worker(process: subprocess.Popen[bytes], timeout: float = 40) -> int:
    """Ask a worker to end, and wait for it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.wait(timeout=timeout)


def drop_worker(process: subprocess.Popen[bytes]) -> None:
    """End a worker at once where its drain is not the subject: that takes seconds."""
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait(timeout=40)


@pytest.fixture
def start_worker(house: House) -> Iterator[StartWorker]:
    """Start workers; each is ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**given: object) -> subprocess.Popen[bytes]:
        started.append(launch_worker(house, **given))
        return started[-1]

    yield start
    for process in started:
        drop_worker(process)


@pytest.fixture(scope="module")
def town(servers: Servers, request: pytest.FixtureRequest) -> Iterator[House]:
    """A house with a running worker, shared by the tests of a module (`TOWN = {...}` in the module gives settings)."""
    with (
        fresh_settings(servers, **getattr(request.module, "TOWN", {})) as settings,
        open_house(settings, migrating=False) as made,
    ):
        process = launch_worker(made)
        yield made
        drop_worker(process)
