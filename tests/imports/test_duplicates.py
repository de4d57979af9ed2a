"""The same file twice is noticed: by everybody who can send one, and never where it would be wrong."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.imports.conftest import Desk
from tests.support import send
from waystation.errors import DuplicateFile, WaystationError
from waystation.model import State, Task, Verb

FILE = b"n,a\n1,x\n2,y\n"


def refused(desk: Desk, dataset: str, data: bytes = FILE, **params: Any) -> DuplicateFile:
    with pytest.raises(DuplicateFile) as found:
        send(desk.house, data, dataset=dataset, **params)
    return found.value


def test_a_file_that_is_in_is_told_with_its_task_and_goes_in_again_only_if_asked(desk: Desk) -> None:
    first = desk.run(FILE, "people.csv", dataset="twice")
    error = refused(desk, "twice")
    assert error.extra["task_id"] == str(first.id)
    assert error.extra["task_status"] == "succeeded"
    for word in ("'people.csv'", "by ann", str(first.id), f"{first.created_at:%Y-%m-%d}"):
        assert word in error.detail
    assert "allow_duplicate" in error.hint
    desk.run(FILE, dataset="elsewhere")
    desk.run(FILE + b"3,z\n", dataset="twice")
    second = desk.run(FILE, dataset="twice", allow_duplicate=True)
    assert desk.house.control.dataset("twice").rows == 7
    assert refused(desk, "twice").extra["task_id"] == str(second.id), "the latest is named"


def test_a_file_on_its_way_is_told_until_it_is_stopped(desk: Desk) -> None:
    first = send(desk.house, FILE, dataset="coming")
    assert "is being imported" in refused(desk, "coming").detail
    desk.house.control.act(Verb.PAUSE, first.id, actor="ann")
    assert refused(desk, "coming").extra["task_status"] == "paused"
    desk.house.control.act(Verb.STOP, first.id, actor="ann")
    assert desk.end(send(desk.house, FILE, dataset="coming")).state is State.SUCCEEDED


def test_a_failed_import_is_in_nobodys_way(desk: Desk) -> None:
    params: dict[str, Any] = {"dataset": "failed", "types": {"a": "bigint"}}
    assert desk.end(send(desk.house, FILE, on_error="abort", **params)).state is State.FAILED
    assert desk.run(FILE, **params).counts["bad"] == 2


def test_rows_that_nobody_sees_any_more_do_not_count(desk: Desk) -> None:
    first = desk.run(FILE, dataset="gone")
    desk.house.control.act(Verb.UNDO, first.id, actor="ann")
    desk.run(FILE, dataset="gone")
    desk.run(b"n,a\n7,q\n", dataset="gone", mode="replace")
    desk.run(FILE, dataset="gone")
    assert desk.house.control.dataset("gone").rows == 3


def test_a_dry_run_is_neither_the_first_nor_the_second(desk: Desk) -> None:
    desk.run(FILE, dataset="dry", dry_run=True)
    send(desk.house, FILE, dataset="dry", dry_run=True)
    desk.run(FILE, dataset="dry")
    desk.run(FILE, dataset="dry", dry_run=True)
    refused(desk, "dry")


def test_of_two_at_the_same_moment_one_is_refused(desk: Desk) -> None:
    ready = threading.Barrier(4)

    def one(key: str | None) -> Task | WaystationError:
        with desk.house.control.receive("data.csv", actor="ann") as writer:
            writer.write(FILE)
            upload = writer.commit()
        ready.wait(30)
        params = {"upload": str(upload.id), "dataset": f"race_{key or 'free'}"}
        try:
            return desk.house.control.submit("import", params, actor="ann", idempotency_key=key)[0]
        except DuplicateFile as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, [None] * 4))
        assert sum(isinstance(f, Task) for f in found) == 1, "whoever comes second sees the first"
        same = list(pool.map(one, ["k"] * 4))
    assert len({f.id for f in same if isinstance(f, Task)}) == 1
    assert all(isinstance(f, Task) for f in same), "the same request is no duplicate: it has its task"
    desk.work()


def test_the_file_that_is_refused_is_not_kept(desk: Desk, client: FlaskClient) -> None:
    desk.run(FILE, dataset="kept")
    files = sorted(desk.house.settings.home.rglob("*.csv"))
    answer = client.post("/tasks/upload?dataset=kept", data=FILE)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "duplicate-file")
    assert sorted(desk.house.settings.home.rglob("*.csv")) == files
    assert client.post("/tasks/upload?dataset=kept&allow_duplicate=true", data=FILE).status_code == 202
    desk.work()


def test_the_page_tells_it_before_the_import_and_asks(desk: Desk, client: FlaskClient) -> None:
    browser = {"Accept": "text/html"}
    first = desk.run(FILE, "people.csv", dataset="paged")
    look = client.post("/upload", data={"file": (io.BytesIO(FILE), "p.csv")}, headers=browser).headers["Location"]
    assert client.get(look).get_json()["duplicate"] is None
    asked = f"{look}?dataset=paged"
    assert client.get(asked).get_json()["duplicate"]["task_id"] == str(first.id)
    page = client.get(asked, headers=browser).get_data(as_text=True)
    assert "The same file is in the dataset" in page
    assert 'name="allow_duplicate"' in page
    start = look.replace("/preview", "/start")
    answer = client.post(start, data={"dataset": "paged"}, headers=browser)
    assert answer.status_code == 409
    assert 'name="allow_duplicate"' in answer.get_data(as_text=True)
    assert client.post(start, data={"dataset": "paged", "allow_duplicate": "true"}, headers=browser).status_code == 303
    desk.work()
    assert desk.house.control.dataset("paged").rows == 4
