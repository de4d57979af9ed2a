"""The one place where settings, pool, registry, files, private servers and engine meet."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from waystation import logs, oidc
from waystation.control import Control
from waystation.csvio.encode import ENCODER
from waystation.engine.doorbell import Doorbell
from waystation.engine.worker import Supervisor
from waystation.errors import WrongSetting
from waystation.gate import Gate
from waystation.kinds.command import kinds_of
from waystation.local import Lodging, lodge
from waystation.resumable import Resumable
from waystation.sdk.kind import Registry
from waystation.settings import Settings
from waystation.storage.db import Database
from waystation.storage.files import Files, files_of
from waystation.storage.migrate import migrate

log = structlog.get_logger("waystation.worker")
BUILT_IN = ("waystation.kinds.import_csv", "waystation.kinds.export_csv", "waystation.kinds.generate_csv")


@dataclass
class House:
    """Everything that one process needs. Close it at the end: the private servers leave with their last user."""

    settings: Settings
    database: Database
    registry: Registry
    files: Files
    bell: Doorbell
    control: Control
    resumable: Resumable
    gate: Gate
    database_url: str
    redis_url: str
    lodging: Lodging | None = field(default=None, repr=False)

    def close(self) -> None:
        """Let go of connections and of the private servers."""
        self.database.close()
        self.bell.close()
        if self.lodging is not None:
            self.lodging.close()

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_house(settings: Settings, *, migrating: bool = True) -> House:
    """Wire one process: start or join the private servers where no URL is set, bring the database up to date.

    Raises WrongSetting, NoLocalServer, WrongKind, SchemaTooNew, DatabaseUnavailable, StorageUnavailable.
    """
    if settings.encoder not in ("auto", ENCODER):
        raise WrongSetting(
            f"WAYSTATION_ENCODER asks for {settings.encoder}, which is not installed.",
            remedy="Install it (docs/deploy.md says how), or leave the variable out: then the best one that is there serves.",
        )
    if settings.oidc_issuer and not oidc.installed():
        raise WrongSetting(
            "WAYSTATION_OIDC_ISSUER is set, but the extra oidc is not installed.",
            remedy="pip install 'waystation[oidc]', or an image with WITH=oidc.",
        )
    registry = Registry.load([*BUILT_IN, *settings.kinds])
    registry.add_all(kinds_of(settings.programs))
    lodging, database_url, redis_url = _lodged(settings)
    try:
        database = Database(database_url, pool=settings.pool, lock_timeout=settings.lock_timeout)
        if migrating:
            migrate(database)
        files = files_of(settings)
        files.check()
        bell = Doorbell(redis_url)
        control = Control(database, registry, files, bell, settings)
        resumable = Resumable(database, files, settings)
        gate = Gate(database, admin_token=settings.admin_token, provider=settings.oidc_issuer is not None)
    except BaseException:
        if lodging is not None:
            lodging.close()
        raise
    return House(settings, database, registry, files, bell, control, resumable, gate, database_url, redis_url, lodging)


@contextmanager
def addressed(settings: Settings) -> Iterator[Settings]:
    """These settings with a database and a broker: those that they name, or the private ones, started if nobody has."""
    lodging, database_url, redis_url = _lodged(settings)
    try:
        yield settings.model_copy(update={"database_url": database_url, "redis_url": redis_url})
    finally:
        if lodging is not None:
            lodging.close()


def _lodged(settings: Settings) -> tuple[Lodging | None, str, str]:
    """The URLs of the database and the broker, and what keeps the private servers among them; None where there are none."""
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is not None and redis_url is not None:
        return None, database_url, redis_url
    lodging = lodge(settings.home, database=database_url is None, broker=redis_url is None)
    database_url, redis_url = database_url or lodging.servers.database_url, redis_url or lodging.servers.redis_url
    assert database_url is not None
    assert redis_url is not None
    return lodging, database_url, redis_url


def worker_name() -> str:
    """How this process's worker is called in the timeline: host and process number."""
    return f"{socket.gethostname()}:{os.getpid()}"


def run_worker(settings: Settings, ready: Callable[[], None] = lambda: None) -> int:
    """One worker, until SIGTERM or SIGINT; its exit code. Starts or joins the private servers as `open_house` does."""
    logs.set_up(settings.log)
    with open_house(settings) as house:
        named = settings.model_copy(update={"database_url": house.database_url, "redis_url": house.redis_url})
        house.database.close()
        log.info("the worker is about to start", csv=ENCODER)
        return Supervisor(named, name=worker_name(), built_in=BUILT_IN).run(ready)
