"""Look at everything Waystation needs, and say of each in a sentence whether it is as it should be, or what to mend.

Nothing is changed: what is written to try whether it can be is taken away again. It only asks, and raises nothing for what it
finds; each part is looked at by itself, so that one that is broken hides no other.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import psycopg
import redis

from waystation import tracing
from waystation.errors import DatabaseRefuses, WaystationError
from waystation.local import client_url
from waystation.settings import Settings, env_name
from waystation.storage.db import READ_ONLY, Connection, Database, first_line, not_reached, one
from waystation.storage.files import files_of
from waystation.storage.migrate import pending

OLDEST_POSTGRES, OLDEST_REDIS = 15, 6
LOCKS = 256  # max_locks_per_transaction from which a thousand batches can be read in one statement
SKEW = 5.0  # seconds by which two clocks may differ
ROOM = 2**30  # bytes that should be free on the disk
LIBRARIES = ("celery", "psycopg", "redis", "flask", "pydantic", "obstore")
EXTRAS = {
    "arrow": "pyarrow",
    "oidc": "authlib",
    "otel": "opentelemetry-sdk",
}  # each with the package that tells whether it is installed

Level = Literal["well", "doubtful", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing; `remedy` says what to do, where something is to be done."""

    about: str
    level: Level
    said: str
    remedy: str = ""


def examine(
    settings: Settings, environ: Mapping[str, str] = os.environ, *, clock: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Everything, part by part. `settings` name the database and the broker; `clock` is this machine's."""
    yield from _program(environ)
    yield from _database(settings, clock)
    yield from _broker(settings)
    yield from _storage(settings)


def _program(environ: Mapping[str, str]) -> Iterator[Finding]:
    found = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    ours = f"Waystation {_version('waystation')} on Python {platform.python_version()}"
    yield Finding("program", "well", f"{ours}, with {found}.")
    extras = ", ".join(f"{extra} ({package} {_version(package)})" for extra, package in EXTRAS.items())
    yield Finding("extras", "well", f"{extras}.")
    if tracing.wanted(environ) and not tracing.installed():
        said = "OTEL_EXPORTER_OTLP_ENDPOINT is set, but no traces are sent: the extra otel is not installed."
        yield Finding("extras", "doubtful", said, "pip install 'waystation[otel]', or an image with WITH=otel.")
    known = {env_name(field) for field in Settings.model_fields}
    others = {"WAYSTATION_PROFILE"}
    for name in sorted(environ):
        if name.startswith("WAYSTATION_") and name.removesuffix("_FILE") not in known | others:
            yield Finding("settings", "doubtful", f"{name} is no setting of this version.", "docs/settings.md lists them all.")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _database(settings: Settings, clock: Callable[[], float]) -> Iterator[Finding]:
    assert settings.database_url is not None
    began = time.monotonic()
    try:
        connection = Database(settings.database_url).connect("ws:doctor", autocommit=True)
    except psycopg.Error as error:
        away = not_reached(settings.database_url, error)
        yield Finding("database", "wrong", away.detail, away.hint)
        return
    with connection:
        number = connection.info.server_version // 10000
        took = time.monotonic() - began
        said = f"PostgreSQL {connection.info.parameter_status('server_version')} answered in {took * 1000:.0f} ms."
        yield Finding("database", "well", said)
        if number < OLDEST_POSTGRES:
            remedy = f"Use PostgreSQL {OLDEST_POSTGRES} or newer."
            yield Finding("database", "wrong", f"PostgreSQL {number} is too old.", remedy)
        for name, look in (("encoding", _encoding), ("locks", _locks), ("rights", _rights), ("schema", _schema)):
            try:
                yield from look(connection)
            except psycopg.Error as error:
                yield Finding(
                    "database", "wrong", f"Its {name} can't be looked at: {first_line(error)}", "Look at our user's rights."
                )
        row = one(connection, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
        assert row is not None
        yield _clocks(clock() - row["now"])


def _encoding(connection: Connection) -> Iterator[Finding]:
    row = one(connection, "SELECT current_setting('server_encoding') AS it")
    if row and row["it"] != "UTF8":
        said = f"The database is encoded in {row['it']}: not every text can be kept in it."
        yield Finding("database", "wrong", said, "Make a new one with ENCODING 'UTF8'.")


def _locks(connection: Connection) -> Iterator[Finding]:
    row = one(connection, "SELECT current_setting('max_locks_per_transaction')::int AS it")
    if row and row["it"] < LOCKS:
        said = f"max_locks_per_transaction is {row['it']}: a dataset of many batches needs a lock for each."
        yield Finding("database", "doubtful", said, "Set it to 1024 in the server's configuration and restart it.")


def _rights(connection: Connection) -> Iterator[Finding]:
    """What `migrate` would be refused, told before it is tried."""
    query = (
        "SELECT current_setting('transaction_read_only') = 'on' AS closed,"
        " has_database_privilege(current_database(), 'CREATE') AS may"
    )
    row = one(connection, query)
    assert row is not None
    if row["closed"]:
        yield Finding("database", "wrong", "The database can only be read.", READ_ONLY)
    elif not row["may"]:
        said = f"{connection.info.user} may not make a schema in the database {connection.info.dbname}."
        yield Finding("database", "wrong", said, DatabaseRefuses.remedy)


def _schema(connection: Connection) -> Iterator[Finding]:
    try:
        missing = pending(connection)
    except WaystationError as error:
        yield Finding("schema", "wrong", error.detail, error.hint)
        return
    if missing:
        said = f"The database lacks {len(missing)} migrations, the first of them {missing[0].name}."
        yield Finding("schema", "wrong", said, "Run `waystation migrate`; `up`, `web` and `worker` do it too.")
    else:
        yield Finding("schema", "well", "The database is up to date.")


def _clocks(skew: float) -> Finding:
    if abs(skew) <= SKEW:
        return Finding("clock", "well", f"This machine's clock and the database's differ by {abs(skew):.1f} s.")
    way = "ahead of" if skew > 0 else "behind"
    said = f"This machine's clock is {abs(skew):.0f} s {way} the database's."
    return Finding("clock", "wrong", said, "Let both machines take their time from the network (NTP).")


def _broker(settings: Settings) -> Iterator[Finding]:
    assert settings.redis_url is not None
    try:
        with redis.Redis.from_url(client_url(settings.redis_url), socket_timeout=3, socket_connect_timeout=3) as client:
            info = dict(client.info())
            yield from _broker_facts(info)
            key = f"waystation:doctor:{os.getpid()}"
            client.set(key, "1", ex=10)
            client.delete(key)
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        yield Finding(
            "broker", "wrong", f"The broker refuses our password or our user: {first_line(error)}", "Mend it in REDIS_URL."
        )
    except redis.ResponseError as error:
        refused = "NOAUTH" in str(error) or "WRONGPASS" in str(error)
        remedy = "Mend it in REDIS_URL." if refused else "It must be a primary with room: look at its memory, disk and role."
        said = "The broker refuses our password" if refused else "The broker can't be written"
        yield Finding("broker", "wrong", f"{said}: {first_line(error)}", remedy)
    except (redis.RedisError, ValueError, OSError) as error:
        yield Finding("broker", "wrong", f"No broker answers: {first_line(error)}", "Start Redis or Valkey, or mend REDIS_URL.")


def _broker_facts(info: Mapping[str, object]) -> Iterator[Finding]:
    name, number = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info.get("redis_version", "?"))
    yield Finding("broker", "well", f"{name} {number} answers.")
    major = str(number).partition(".")[0]
    if major.isdigit() and int(major) < OLDEST_REDIS:
        yield Finding("broker", "wrong", f"{name} {number} is too old.", f"Use version {OLDEST_REDIS} or newer.")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        said = f"The broker's maxmemory-policy is {policy}: it may drop rings. They are rung again, but tasks begin late."
        yield Finding("broker", "doubtful", said, "Set maxmemory-policy to noeviction.")


def _storage(settings: Settings) -> Iterator[Finding]:
    try:
        files_of(settings).check()
    except WaystationError as error:
        yield Finding("storage", "wrong", error.detail, error.hint)
        return
    if settings.storage is not None:
        yield Finding("storage", "well", f"{settings.storage} can be written and read.")
        return
    free = shutil.disk_usage(settings.home).free
    said = f"{settings.home} can be written; {free / 2**30:.1f} GiB are free there."
    if free < ROOM:
        yield Finding("storage", "doubtful", said, "Make room, or name another folder in WAYSTATION_HOME.")
    else:
        yield Finding("storage", "well", said)
