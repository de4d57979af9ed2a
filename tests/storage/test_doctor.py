"""`waystation doctor` against each broken thing: the sentence that it gives, and what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.disks import can_mount, on_a_disk
from tests.support import wait_until
from waystation.doctor import Finding, examine
from waystation.errors import DatabaseUnavailable, WaystationError
from waystation.local import client_url
from waystation.settings import Settings
from waystation.storage.db import Database
from waystation.storage.migrate import migrate
from waystation.wiring import House


def wrong(settings: Settings, about: str, **given: object) -> list[Finding]:
    """What is found wrong or doubtful of one thing."""
    found = examine(settings.model_copy(update=given), {})
    return [finding for finding in found if finding.about == about and finding.level != "well"]


def only(settings: Settings, about: str, **given: object) -> str:
    [finding] = wrong(settings, about, **given)
    assert finding.remedy, "it must say what to do"
    return f"{finding.said} {finding.remedy}"


def at_the_start(url: str) -> str:
    """What a program that needs this database says as it refuses to start."""
    with pytest.raises(WaystationError) as caught:
        migrate(Database(url))
    assert caught.value.exit_code == (6 if isinstance(caught.value, DatabaseUnavailable) else 8)
    return f"{caught.value.detail} {caught.value.hint}"


def test_what_is_well_is_said_of_every_part(settings: Settings) -> None:
    found = {finding.about: finding for finding in examine(settings, {})}
    assert set(found) == {"program", "extras", "database", "schema", "clock", "broker", "storage"}
    assert {finding.level for finding in found.values()} == {"well"}, found


def test_traces_that_are_wanted_where_the_extra_is_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    assert [f for f in examine(settings, environ) if f.about == "extras" and f.level != "well"] == []
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    [finding] = [f for f in examine(settings, environ) if f.about == "extras" and f.level != "well"]
    assert (finding.level, "waystation[otel]" in finding.remedy) == ("doubtful", True)


def test_a_database_that_is_not_there(settings: Settings) -> None:
    assert only(settings, "database", database_url="postgresql://me@127.0.0.1:9/x").startswith(
        "No database answers at 127.0.0.1: "
    )
    missing = make_conninfo(str(settings.database_url), dbname="nothing_here")
    said = 'The database server says: database "nothing_here" does not exist. Make it, or mend DATABASE_URL.'
    assert only(settings, "database", database_url=missing) == said
    assert at_the_start(missing) == said
    assert at_the_start("postgresql://me@127.0.0.1:9/x").startswith("No database answers at 127.0.0.1: ")
    # One broken part hides no other.
    found = {f.about for f in examine(settings.model_copy(update={"database_url": missing}), {}) if f.level == "well"}
    assert {"broker", "storage"} <= found


def test_a_user_that_the_database_does_not_let_in(settings: Settings) -> None:
    said = only(settings, "database", database_url=make_conninfo(str(settings.database_url), user="nobody_here"))
    assert "nobody_here" in said
    assert "DATABASE_URL" in said


def test_a_wrong_password_is_said_by_the_doctor_and_at_the_start(settings: Settings) -> None:
    """The session's server trusts its socket, or has a password of its own: one role is asked for another."""
    with psycopg.connect(str(settings.database_url), autocommit=True) as connection:
        row = connection.execute("SELECT current_setting('hba_file')").fetchone()
        assert row is not None
        rules = Path(row[0])
        before = rules.read_text()
        connection.execute("CREATE ROLE lodger LOGIN PASSWORD 'right'")
        try:
            rules.write_text(f"local all lodger scram-sha-256\nhost all lodger all scram-sha-256\n{before}")
            connection.execute("SELECT pg_reload_conf()")
            url = make_conninfo(str(settings.database_url), user="lodger", password="wrong")
            refusal = "The database refuses the password of lodger. Mend it in DATABASE_URL."
            wait_until(lambda: wrong(settings, "database", database_url=url))
            assert only(settings, "database", database_url=url) == refusal
            assert at_the_start(url) == refusal
        finally:
            rules.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE lodger")


def test_a_role_that_may_not_and_a_database_that_can_only_be_read(settings: Settings) -> None:
    url = str(settings.database_url)
    with psycopg.connect(url, autocommit=True) as connection:
        name = f"bare_{os.getpid()}"
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
        try:
            bare = make_conninfo(url, dbname=name, user="guest", password="right")
            assert at_the_start(bare).startswith("The database does not let guest in: permission denied for database bare_")
            assert "guest may not make a schema in the database bare_" in only(settings, "database", database_url=bare)
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            closed = make_conninfo(url, dbname=name)
            assert at_the_start(closed).endswith("or a database set to read-only, can't serve.")
            assert only(settings, "database", database_url=closed).startswith("The database can only be read. Name the primary")
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute("DROP ROLE guest")


def test_an_old_schema_and_one_that_is_too_new(house: House) -> None:
    with house.database.transaction() as connection:
        connection.execute("DELETE FROM migrations WHERE number >= 6")
    said = only(house.settings, "schema")
    assert said.startswith("The database lacks ")
    assert "0006_" in said
    assert "waystation migrate" in said
    with house.database.transaction() as connection:
        connection.execute("INSERT INTO migrations (number, name, checksum) VALUES (9999, 'later', '')")
    assert "9999" in only(house.settings, "schema")


@pytest.mark.parametrize(("ahead", "way"), [(3600.0, "ahead of"), (-90.0, "behind")])
def test_a_clock_that_is_off(settings: Settings, ahead: float, way: str) -> None:
    found = [f for f in examine(settings, {}, clock=lambda: time.time() + ahead) if f.about == "clock"]
    [finding] = found
    assert finding.level == "wrong"
    assert finding.said == f"This machine's clock is {abs(ahead):.0f} s {way} the database's."
    assert "NTP" in finding.remedy


def test_a_broker_that_evicts_or_is_not_there(settings: Settings) -> None:
    assert only(settings, "broker", redis_url="redis://127.0.0.1:9/0").startswith("No broker answers: ")
    with redis.Redis.from_url(client_url(str(settings.redis_url))) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            assert "allkeys-lru" in only(settings, "broker")
        finally:
            client.config_set("maxmemory-policy", "noeviction")


def test_a_broker_with_a_password_that_we_do_not_know(settings: Settings) -> None:
    with redis.Redis.from_url(client_url(str(settings.redis_url))) as client:
        client.acl_setuser("guest", enabled=True, passwords=["+right"], commands=["+ping"])
        try:
            address = str(settings.redis_url).replace("redis+socket://", "redis+socket://guest:wrong@", 1)
            assert "mend REDIS_URL" in only(settings, "broker", redis_url=address).replace("Mend it in", "mend")
        finally:
            client.acl_deluser("guest")


def test_a_folder_that_can_not_be_written(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    said = only(settings, "storage", home=file / "home")
    assert said.startswith(f"The state folder {file / 'home'} can't be written: ")
    assert "WAYSTATION_HOME" in said


@pytest.mark.skipif(not can_mount(), reason="needs mount namespaces")
@pytest.mark.parametrize(
    ("disk", "said"),
    [
        ({"options": "size=1m", "read_only": True}, "can't be written: Read-only file system. Give it to"),
        ({"options": "size=64k", "filled": 64 * 1024}, "There is no room left on the disk. Make room in the state folder"),
    ],
    ids=["read-only", "full"],
)
def test_a_disk_that_is_full_or_only_read(settings: Settings, tmp_path: Path, disk: dict[str, Any], said: str) -> None:
    given = settings.model_copy(update={"home": tmp_path})
    doctor = on_a_disk(str(tmp_path), sys.executable, "-m", "waystation", "doctor", **disk)
    done = subprocess.run(doctor, env={**os.environ, **given.environ()}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.count("wrong ")) == (1, 1), done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())


def test_a_disk_with_little_room(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    little = shutil.disk_usage("/")._replace(free=100 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: little)
    [finding] = wrong(settings, "storage")
    assert finding.level == "doubtful"
    assert "0.1 GiB are free there" in finding.said
    assert "Make room" in finding.remedy


def test_no_bucket(settings: Settings) -> None:
    given = {"storage": "s3://bucket", "s3_endpoint": "http://127.0.0.1:9", "s3_key": "k", "s3_secret": "s"}
    said = only(settings, "storage", **given)
    assert said.startswith("The bucket bucket at http://127.0.0.1:9 does not answer")
    assert "WAYSTATION_S3_ENDPOINT" in said


def test_a_setting_that_is_none(settings: Settings) -> None:
    found = [f for f in examine(settings, {"WAYSTATION_SLOST": "4", "WAYSTATION_SLOTS": "4"}) if f.about == "settings"]
    assert [f.said for f in found] == ["WAYSTATION_SLOST is no setting of this version."]


def test_a_database_in_another_encoding_or_with_few_locks(settings: Settings) -> None:
    with psycopg.connect(str(settings.database_url), autocommit=True) as connection:
        name = f"latin_{os.getpid()}"
        connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
        try:
            found = wrong(settings, "database", database_url=make_conninfo(str(settings.database_url), dbname=name))
            assert [f.said for f in found] == ["The database is encoded in LATIN1: not every text can be kept in it."]
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_command_says_it_and_its_exit_code_too(settings: Settings) -> None:
    def run(**given: object) -> tuple[int, dict[str, object]]:
        environ = {**os.environ, **settings.model_copy(update=given).environ()}
        done = subprocess.run(
            [sys.executable, "-m", "waystation", "doctor", "--json"], env=environ, capture_output=True, text=True, timeout=60
        )
        return done.returncode, json.loads(done.stdout)

    code, well = run()
    assert (code, well["well"]) == (0, True)
    code, ill = run(redis_url="redis://127.0.0.1:9/0")
    assert (code, ill["well"]) == (1, False)


def test_the_password_is_never_told(tmp_path: Path) -> None:
    url = "postgresql://me:secret-hush@127.0.0.1:9/x"
    settings = Settings.from_env({}, database_url=url, redis_url="redis://:secret-hush@127.0.0.1:9/0", home=tmp_path)
    said = " ".join(f.said + f.remedy for f in examine(settings, {}))
    assert "hush" not in said
    assert conninfo_to_dict(url)["password"] == "secret-hush"
