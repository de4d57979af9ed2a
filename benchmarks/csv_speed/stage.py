"""Where it all runs: a private PostgreSQL and Valkey; on them a Waystation with each encoder, and a database for the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from tests.conftest import launch_worker

from waystation.local import lodge
from waystation.local.binaries import find_postgres
from waystation.settings import Settings
from waystation.wiring import House, open_house


@dataclass(frozen=True, slots=True)
class Ours:
    """A Waystation with a worker."""

    name: str
    house: House
    worker: int  # its process


@dataclass(frozen=True, slots=True)
class Stage:
    """All of it. folder: room for files. rivals: the URL of the database of everybody else."""

    folder: Path
    postmaster: int
    rivals: str
    redis: str
    psql: str
    ours: dict[str, Ours]

    def settle(self) -> None:
        """Write out what is still to be written, so that nobody pays for what somebody before it did."""
        os.sync()
        with psycopg.connect(self.rivals, autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def set_up(encoders: dict[str, str]) -> Iterator[Stage]:
    """Start everything: a Waystation for each name of `encoders`, with that encoder."""
    folder = Path(tempfile.mkdtemp(prefix="ws-bench-"))
    with ExitStack() as leave:
        leave.callback(shutil.rmtree, folder, ignore_errors=True)
        lodging = lodge(folder / "home")
        leave.callback(lodging.close)
        servers = lodging.servers
        assert servers.database_url
        assert servers.redis_url
        ours = {}
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE rivals")
            for number, (name, encoder) in enumerate(encoders.items(), start=1):
                connection.execute(f"CREATE DATABASE bench_{number}".encode())
                ours[name] = leave.enter_context(
                    _waystation(folder, name, encoder, number, servers.database_url, servers.redis_url)
                )
        beside = find_postgres().folder / "psql"
        psql = str(beside) if beside.is_file() else shutil.which("psql")
        if psql is None:
            raise SystemExit("There is no psql on this machine: install PostgreSQL's client programs.")
        postmaster = int((folder / "home" / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        yield Stage(folder, postmaster, make_conninfo(servers.database_url, dbname="rivals"), servers.redis_url, psql, ours)


@contextmanager
def _waystation(folder: Path, name: str, encoder: str, number: int, database: str, redis: str) -> Iterator[Ours]:
    settings = Settings.from_env(
        {},
        home=folder / f"home-{number}",
        database_url=make_conninfo(database, dbname=f"bench_{number}"),
        redis_url=f"{redis}?virtual_host={number}",
        log="error",
    )
    with open_house(settings) as house:
        worker = launch_worker(house, encoder=encoder)
        try:
            yield Ours(name, house, worker.pid)
        finally:
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(timeout=60)
            except subprocess.TimeoutExpired:
                worker.kill()
