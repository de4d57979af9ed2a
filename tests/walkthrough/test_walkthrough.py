"""The walk-through of the README, word for word but for the port: data.py, flask run, python run.py, and real `http` calls."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import environ, of_home
from tests.support import wait_until
from waystation.client import Client
from waystation.errors import ServerNotReachable, Unavailable

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@dataclass
class Place:
    """A folder with what a clone has at its root, the port that is used for 5000, and the two processes."""

    folder: Path
    port: int
    environ: dict[str, str]
    flask: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]

    def http(self, words: str, **ids: str) -> Any:
        """One call, as the README has it; the JSON that it prints."""
        assert words in README, words
        for name, value in ids.items():
            words = words.replace(name, value)
        program, *rest = shlex.split(words.replace(":5000", f":{self.port}"))
        done = subprocess.run(
            [program, "--ignore-stdin", "--check-status", *rest],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)


def _run(words: str, folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    assert words in README, words
    program, *rest = shlex.split(words)
    return subprocess.Popen([program, *rest], cwd=folder, env=env, stdin=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clone")
    for name in ("data.py", "run.py", "wsgi.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "httpie").mkdir()
    (folder / "httpie" / "config.json").write_text('{"disable_update_warnings": true}')  # it would ask a host elsewhere
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environ(
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        HTTPIE_CONFIG_DIR=str(folder / "httpie"),
        FLASK_RUN_PORT=str(port),
        WAYSTATION_LOG="warning",
        WAYSTATION_CHUNK_ROWS="250",  # small steps, so that there is time to pause and stop in
    )
    assert _run("python data.py", folder, env).wait(timeout=60) == 0
    flask, worker = _run("flask run", folder, env), _run("python run.py", folder, env)
    client = Client(f"http://127.0.0.1:{port}", timeout=60)

    def ready() -> bool:
        try:
            return bool(client.ready())
        except (ServerNotReachable, Unavailable):
            assert flask.poll() is None
            assert worker.poll() is None
            return False

    wait_until(ready, timeout=60, every=0.2)
    yield Place(folder, port, env, flask, worker)
    for process in (flask, worker):
        if process.poll() is None:
            process.kill()
            process.wait()
    wait_until(lambda: not of_home(folder), timeout=20, every=0.2)


def until(place: Place, task_id: str, status: str) -> Any:
    """The task, by the README's own call, once its status is this one."""
    client = Client(f"http://127.0.0.1:{place.port}", timeout=60)

    def reached() -> bool:
        task = client.task(task_id)
        assert task["status"] == status or not task["complete"], task
        return bool(task["status"] == status)

    wait_until(reached, timeout=120, every=0.1)
    return place.http("http GET :5000/tasks/TASK_ID", TASK_ID=task_id)


def upload(place: Place) -> Any:
    return place.http("http -f POST :5000/tasks/upload file@files/datasets/data.csv")


def test_the_data_is_there(place: Place) -> None:
    with (place.folder / "files/datasets/data.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "age", "phone", "email", "address", "record_date"]
    assert len(rows) == 100_001


def test_import_pause_resume_export_undo(place: Place) -> None:
    assert place.http("http GET :5000/tasks/") == {"tasks": [], "next": None}

    task = upload(place)
    id = task["task_id"]
    assert (task["kind"], task["dataset"], task["complete"], task["self_url"]) == ("import", "data", False, f"/tasks/{id}")
    assert [p.name for p in (place.folder / "files/uploads").glob("*/*")] == ["data.csv"]

    paused = place.http("http GET :5000/tasks/TASK_ID/pause", TASK_ID=id)
    assert paused["status"] in ("pausing", "paused")
    paused = until(place, id, "paused")
    assert 0 < paused["progress"]["done"] < paused["progress"]["total"]
    assert paused["links"].keys() >= {"resume", "stop"}

    resumed = place.http("http GET :5000/tasks/TASK_ID/resume", TASK_ID=id)
    assert resumed["status"] in ("queued", "running")
    done = until(place, id, "succeeded")
    assert done["complete"]
    assert done["result"]["rows"] == 100_000
    assert done["progress"]["percent"] == 100
    assert "undo" in done["links"]

    export = place.http("http GET :5000/tasks/download from=2010-02-15 till=2019-03-15")
    assert export["kind"] == "export"
    export = until(place, export["task_id"], "succeeded")
    with (place.folder / "files/downloads" / f"{export['task_id']}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (place.folder / "files/datasets/data.csv").open(newline="") as file:
        wanted = [r for r in csv.DictReader(file) if "2010-02-15" <= r["record_date"] <= "2019-03-15"]
    assert rows == wanted
    assert export["result"]["rows"] == len(wanted)

    listed = place.http("http GET :5000/tasks/")
    assert [t["task_id"] for t in listed["tasks"]] == [export["task_id"], id]

    undone = place.http('http POST :5000/tasks/TASK_ID/undo reason="two columns were swapped"', TASK_ID=id)
    assert undone["status"] in ("undoing", "undone")
    until(place, id, "undone")


def test_stop_leaves_nothing(place: Place) -> None:
    id = upload(place)["task_id"]
    assert place.http("http GET :5000/tasks/TASK_ID/stop", TASK_ID=id)["status"] in ("stopping", "stopped")
    stopped = until(place, id, "stopped")
    assert stopped["complete"]
    assert Client(f"http://127.0.0.1:{place.port}").datasets() == [] or _rows(place) == 0


def _rows(place: Place) -> int:
    return sum(d["rows"] for d in Client(f"http://127.0.0.1:{place.port}").datasets())


def test_both_killed_leave_nothing_running(place: Place) -> None:
    assert of_home(place.folder)
    place.flask.send_signal(signal.SIGINT)
    place.worker.send_signal(signal.SIGTERM)
    place.flask.wait(timeout=30)
    assert place.worker.wait(timeout=40) == 0
    wait_until(lambda: not of_home(place.folder), timeout=20, every=0.2)
