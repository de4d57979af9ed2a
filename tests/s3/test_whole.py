"""Upload, import and export with all files in a bucket, while workers die."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from tests.attempts import die_at, leave_at, work
from tests.conftest import end_worker, launch_worker
from tests.s3.conftest import WHOLE
from tests.support import at_state, children, people_csv, send, wait_until
from tests.web.serving import Served
from waystation.client import Client
from waystation.model import State, Verb
from waystation.storage.files.s3 import S3Files
from waystation.wiring import House

ROWS = 200_000 if WHOLE else 20_000


@pytest.fixture(scope="module")
def data() -> bytes:
    return people_csv(ROWS)


@pytest.mark.parametrize("links", [300.0, pytest.param(0.0, marks=pytest.mark.long)])
def test_a_file_comes_back_the_same_through_a_link_and_through_the_server(
    port: House, data: bytes, tmp_path: Path, links: float
) -> None:
    served = Served(port.settings.model_copy(update={"port": 0, "s3_links": links}))
    try:
        client = Client(f"http://127.0.0.1:{served.port}", actor="ann")
        source = tmp_path / "people.csv.gz"
        source.write_bytes(gzip.compress(data, 1))
        dataset = f"people{int(links)}"
        task = client.upload(source, dataset=dataset)
        client.wait(task["task_id"])
        export = client.download(dataset=dataset)
        client.wait(export["task_id"])
        saved = client.save_result(export["task_id"], tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_bytes() == data
        assert saved.sha256 == hashlib.sha256(data).hexdigest()
    finally:
        served.end()
    assert not list(port.settings.home.rglob("*.csv")), "all files are in the bucket"


def test_a_converted_file_that_was_cut_has_the_same_bytes(harbour: House) -> None:
    send(harbour, people_csv(3_000))
    work(harbour)
    tasks = [harbour.control.submit("export", {"format": "parquet"}, actor="ann")[0]]
    work(harbour)
    tasks.append(harbour.control.submit("export", {"format": "parquet"}, actor="ann")[0])
    while harbour.control.get(tasks[1].id).phase != "convert":
        leave_at(harbour, 2)
    assert die_at(harbour, tasks[1], 2)
    work(harbour)
    quiet, cut = (harbour.control.result(task.id).read_bytes() for task in tasks)
    assert quiet == cut
    assert harbour.control.get(tasks[1].id).attempt > 2
    assert harbour.files.tasks_with_files() == {task.id: True for task in tasks}


@pytest.mark.long
def test_an_export_whose_worker_is_killed_as_it_writes_has_the_same_bytes(harbour: House, data: bytes) -> None:
    files = harbour.files
    assert isinstance(files, S3Files)
    worker = launch_worker(harbour, slots=1, chunk_rows=500)
    try:
        at_state(harbour, send(harbour, data), State.SUCCEEDED, timeout=120)
        task, _ = harbour.control.submit("export", {}, actor="ann")
        wait_until(lambda: harbour.control.get(task.id).done > 1000, 60)
        harbour.control.act(Verb.PAUSE, task.id, actor="ann")
        at_state(harbour, task, State.PAUSED, State.SUCCEEDED, timeout=60)
        harbour.control.act(Verb.RESUME, task.id, actor="ann")
        wait_until(lambda: harbour.control.get(task.id).attempt == 2, 60)
        children(worker.pid)[0].kill()
        ended = at_state(harbour, task, State.SUCCEEDED, timeout=120)
        assert ended.attempt == 3
        assert harbour.control.result(task.id).read_bytes() == data
        wait_until(lambda: files.tasks_with_files() == {task.id: True}, 60)
    finally:
        end_worker(worker)


def test_stop_and_undo_leave_nothing_in_the_bucket(port: House) -> None:
    files = port.files
    assert isinstance(files, S3Files)
    small = people_csv(500)
    made = at_state(port, send(port, small, dataset="gone"), State.SUCCEEDED)
    upload = made.params["upload"]
    assert list(files.bucket.keys(f"uploads/{upload}/"))
    port.control.act(Verb.UNDO, made.id, actor="ann")
    at_state(port, made, State.UNDONE)
    assert not list(files.bucket.keys(f"uploads/{upload}/"))
