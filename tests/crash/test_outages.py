"""The broker or the database goes away and comes back; a worker is cut off; the disk is full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import StartWorker, end_worker, launch_worker
from tests.disks import can_mount, on_a_disk
from tests.kinds import count
from tests.proxy import Proxy, proxy_to
from tests.support import at_state, numbers, people_csv, reached, send, wait_until
from waystation import health
from waystation.engine.celery_app import broker_queue
from waystation.errors import Busy, DatabaseUnavailable, DiskFull
from waystation.local import client_url
from waystation.model import State, Task, Verb
from waystation.reaper import Reaper
from waystation.settings import Settings
from waystation.storage import workers
from waystation.storage.files.local import LocalReceiver
from waystation.wiring import House, open_house

KINDS = {"kinds": ("tests.kinds",)}


@pytest.fixture
def house(house: House) -> House:
    """With the kinds of the tests."""
    house.registry.add(count)
    return house


def begin(house: House, **params: object) -> Task:
    task, _ = house.control.submit("test.count", {"nap": 0.02, **params}, actor="ann")
    return task


@pytest.fixture
def broker(settings: Settings) -> Iterator[Proxy]:
    """A proxy before the broker."""
    assert settings.redis_url
    with proxy_to(urlsplit(settings.redis_url).path) as proxy:
        yield proxy


@pytest.fixture
def database(settings: Settings) -> Iterator[Proxy]:
    """A proxy before the database."""
    assert settings.database_url
    given = conninfo_to_dict(settings.database_url)
    with proxy_to(f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}") as proxy:
        yield proxy


def through(settings: Settings, *, broker: Proxy | None = None, database: Proxy | None = None) -> Settings:
    """The same settings by way of a proxy."""
    changed: dict[str, object] = {}
    if broker:
        number = (settings.redis_url or "").rpartition("virtual_host=")[2]
        changed["redis_url"] = f"redis://127.0.0.1:{broker.port}/{number}"
    if database:
        given = conninfo_to_dict(settings.database_url or "")
        password = _password(str(given.pop("passfile")))
        changed["database_url"] = make_conninfo("", **{**given, "host": "127.0.0.1", "port": database.port}, password=password)
    return settings.model_copy(update=changed)


def _password(passfile: str) -> str:
    with open(passfile) as file:
        return file.read().strip().rpartition(":")[2]


# -- the broker --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["refuse", "stall"])
def test_a_submit_succeeds_without_the_broker_and_starts_when_it_is_back(
    settings: Settings, house: House, broker: Proxy, how: str
) -> None:
    with open_house(through(settings, broker=broker), migrating=False) as mine:
        mine.registry.add(count)
        worker = launch_worker(mine, **KINDS)
        try:
            at_state(mine, begin(mine, steps=1), State.SUCCEEDED)
            getattr(broker, how)()
            sent = [begin(mine, steps=3) for _ in range(3)]  # a ring or two may be out from before
            assert State.QUEUED in {mine.control.get(task.id).state for task in sent}
            assert mine.control.health().missing == ["broker"]
            broker.flow()
            for task in sent:
                at_state(mine, task, State.SUCCEEDED, timeout=60)
        finally:
            broker.flow()
            end_worker(worker)


def test_a_running_task_does_not_notice_a_broker_that_goes_away(
    settings: Settings, house: House, broker: Proxy, start_worker: StartWorker
) -> None:
    with open_house(through(settings, broker=broker), migrating=False) as mine:
        mine.registry.add(count)
        worker = launch_worker(mine, **KINDS)
        try:
            task = reached(mine, begin(mine, steps=60), 3)
            broker.refuse()
            ended = at_state(mine, task, State.SUCCEEDED, timeout=60)
            assert (ended.attempt, numbers(mine, task)) == (1, list(range(1, 61)))
        finally:
            broker.flow()
            end_worker(worker)


def test_a_wiped_broker_costs_seconds_and_no_task(house: House, start_worker: StartWorker) -> None:
    start_worker(**KINDS)
    tasks = [begin(house, steps=10) for _ in range(10)]
    with redis.Redis.from_url(client_url(house.redis_url)) as client:
        client.flushdb()
        for task in tasks:
            at_state(house, task, State.SUCCEEDED, timeout=60)
        wait_until(lambda: client.llen(broker_queue("default")) == 0, 10)  # a ring too many claims nothing


def test_ten_thousand_queued_tasks_leave_no_pile_of_rings(house: House) -> None:
    """The reaper rings for free slots less the rings already out, however often it passes."""
    with house.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tasks (id, kind, params, state, created_by)"
            " SELECT gen_random_uuid(), 'test.count', '{}', 'queued', 'p' FROM generate_series(1, 10000)"
        )
        workers.announce(connection, id="w", host="h", pid=1, slots=3, draining=False)
    reaper = Reaper(house.database, house.files, house.settings, house.bell)
    for _ in range(40):
        with house.database.transaction() as connection:
            workers.announce(connection, id="w", host="h", pid=1, slots=3, draining=False)
        assert reaper.pass_once()
    assert house.bell.pending("default") == 3


# -- the database ------------------------------------------------------------------------------------------------------
def test_without_the_database_there_is_a_clear_error_and_then_recovery(
    settings: Settings, house: House, database: Proxy
) -> None:
    with open_house(through(settings, database=database), migrating=False) as mine:
        task, _ = mine.control.submit("generate", {"rows": 1}, actor="ann")
        database.refuse()
        with pytest.raises(DatabaseUnavailable) as caught:
            mine.control.get(task.id)
        assert (caught.value.status, caught.value.retry_after) == (503, 2)
        assert "database" in mine.control.health().missing
        database.flow()
        assert wait_until(lambda: _answers(mine, task), 20)


def _answers(house: House, task: Task) -> bool:
    try:
        return house.control.get(task.id).id == task.id
    except DatabaseUnavailable:
        return False


@pytest.mark.long
def test_a_worker_cut_off_from_the_database_loses_its_task_and_changes_nothing(
    settings: Settings, house: House, database: Proxy, start_worker: StartWorker
) -> None:
    """Its network hangs without an error: the reaper of another worker ends its server processes and takes the lease."""
    cut_off = launch_worker(house, **KINDS, slots=1, database_url=through(settings, database=database).database_url)
    try:
        task = reached(house, begin(house, steps=80, nap=0.05), 4)
        database.stall()
        start_worker(**KINDS, slots=1)
        wait_until(lambda: house.control.get(task.id).attempt == 2, 30)
        reached(house, task, 12)
        database.flow()
        ended = at_state(house, task, State.SUCCEEDED, timeout=60)
        assert (ended.attempt, numbers(house, task)) == (2, list(range(1, 81)))
    finally:
        database.flow()
        end_worker(cut_off)


def test_a_connection_that_breaks_is_no_crash(settings: Settings, house: House, database: Proxy) -> None:
    worker = launch_worker(house, **KINDS, database_url=through(settings, database=database).database_url)
    try:
        task = reached(house, begin(house, steps=80), 4)
        database.cut()
        ended = at_state(house, task, State.SUCCEEDED, timeout=60)
        assert numbers(house, task) == list(range(1, 81))
        reasons = [e.reason for e in house.control.events(task.id) if e.event == "interrupted"]
        assert reasons == ["its connection to the database was lost"]
        assert ended.crashes == 0
    finally:
        end_worker(worker)


# -- the disk ----------------------------------------------------------------------------------------------------------
@pytest.mark.long
@pytest.mark.skipif(not can_mount(), reason="needs mount namespaces")
def test_a_full_disk_fails_an_export_clearly_and_a_retry_goes_on_when_there_is_room(
    house: House, start_worker: StartWorker
) -> None:
    first = start_worker()
    data = people_csv(300_000)  # an export's step takes about 100,000
    at_state(house, send(house, data), State.SUCCEEDED, timeout=60)
    end_worker(first)
    home = house.settings.home
    code = (
        "import sys; from waystation.wiring import run_worker; from waystation.settings import Settings;"
        " sys.exit(run_worker(Settings.from_env()))"
    )
    cramped = subprocess.Popen(
        on_a_disk(str(home), sys.executable, "-c", code, options="size=128m", filled=112 * 2**20),
        env={**os.environ, **house.settings.environ()},
        stdin=subprocess.DEVNULL,
    )
    try:
        task, _ = house.control.submit("export", {}, actor="ann")
        failed = at_state(house, task, State.FAILED, timeout=60)
        assert failed.error is not None
        assert failed.error["code"] == "disk-full"
        assert 0 < failed.done < 300_000, "its checkpoint is kept"
        # The disk is seen only from inside: by way of the worker.
        inside = Path(f"/proc/{cramped.pid}/root{home}")
        (inside / "filler").unlink()
        house.control.act(Verb.RETRY, task.id, actor="ann")
        ended = at_state(house, task, State.SUCCEEDED, timeout=60)
        assert ended.result is not None
        assert (inside / ended.result["file"]["path"]).read_bytes() == data
    finally:
        end_worker(cramped)


def test_an_upload_that_finds_no_room_leaves_nothing(settings: Settings, house: House) -> None:
    """A device that is always full stands for the disk."""
    with house.control.receive("data.csv", actor="ann") as writer:
        receiver = writer._receiver
        assert isinstance(receiver, LocalReceiver)
        receiver._file.close()
        receiver._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed by the receiver
        with pytest.raises(DiskFull) as caught:
            writer.write(b"n\n1\n")
    assert (caught.value.status, caught.value.code) == (507, "disk-full")
    assert list((settings.home / "uploads").iterdir()) == []


def test_verbs_answer_busy_when_the_row_stays_locked(house: House) -> None:
    task, _ = house.control.submit("generate", {"rows": 1}, actor="ann")
    with psycopg.connect(house.database_url) as other:
        other.execute("SELECT 1 FROM waystation.tasks WHERE id = %s FOR UPDATE", (task.id,))
        with pytest.raises(Busy) as caught:
            house.control.act(Verb.STOP, task.id, actor="ann")
        assert caught.value.retry_after


def test_a_worker_without_its_database_is_alive_and_not_ready(
    settings: Settings, house: House, database: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container engine must leave it alone: a restart mends no database."""
    pulse = tmp_path / "pulse"
    monkeypatch.setenv("WAYSTATION_PULSE", str(pulse))
    with open_house(through(settings, database=database), migrating=False) as mine:
        worker = launch_worker(mine, pulse=pulse)
        try:
            wait_until(lambda: health.main(["ready"]) == 0)
            database.refuse()
            wait_until(lambda: health.main(["ready"]) == 1, timeout=30)
            assert health.main(["worker"]) == 0
            database.flow()
            wait_until(lambda: health.main(["ready"]) == 0, timeout=30)
        finally:
            database.flow()
            end_worker(worker)
