"""The client against a real server: large files over connections that break, tasks as objects, lists page by page."""

from __future__ import annotations

import io
import random
import re
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.running import Up
from tests.web.cutting import cutting
from waystation.cli.people import write_people
from waystation.client import Client, Task
from waystation.client.sending import Memory
from waystation.errors import (
    ChecksumMismatch,
    EndedOtherwise,
    NotCsv,
    ServerNotReachable,
    TooManyRejects,
    UploadNotFound,
    VerbNotPossible,
)

MEGABYTE = 2**20
ROWS = 20_000
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 10 MB, which is sent as a resumable upload."""
    path = tmp_path_factory.mktemp("large") / "large.csv"
    numbers = random.Random(1)
    with path.open("w") as file:
        file.write("n,word\n")
        file.writelines(f"{n},{numbers.getrandbits(2000):0500x}\n" for n in range(ROWS))
    assert path.stat().st_size > 9 * MEGABYTE
    return path


@pytest.fixture
def dataset() -> str:
    """A name that no other test uses."""
    return f"c{uuid4().hex[:12]}"


def port(up: Up) -> int:
    return int(up.url.rpartition(":")[2])


def uploads(up: Up) -> set[str]:
    """The uploads on the server's disk."""
    return {p.name for p in (up.home / "uploads").glob("*")}


def test_a_large_file_over_a_connection_that_breaks_three_times(up: Up, large: Path, dataset: str) -> None:
    told: list[float] = []
    with cutting(port(up), [2 * MEGABYTE, 5 * MEGABYTE, 9 * MEGABYTE]) as proxy:
        client = Client(f"http://127.0.0.1:{proxy.port}", actor="ada")
        task = client.upload(large, dataset=dataset, progress=lambda done, total: told.append(done))
        assert proxy.made == 3
        assert max(told) == large.stat().st_size
        done = task.wait(timeout=60)
    assert (done.status, done.result["rows"], done["created_by"]) == ("succeeded", ROWS, "ada")
    (kept,) = (up.home / "uploads" / done["params"]["upload"]).iterdir()
    assert kept.name == "large.csv"
    assert kept.read_bytes() == large.read_bytes()


def test_another_process_goes_on_with_it(up: Up, large: Path, dataset: str, tmp_path: Path) -> None:
    with cutting(port(up), [4 * MEGABYTE, *[4 * MEGABYTE + 1] * 50]) as proxy:
        address = f"http://127.0.0.1:{proxy.port}"
        with pytest.raises(ServerNotReachable):
            Client(address, patience=0.5).upload(large, dataset=dataset, remember=tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        proxy.mend()
        told: list[float] = []
        task = Client(address).upload(large, dataset=dataset, remember=tmp_path, progress=lambda done, _: told.append(done))
        assert MEGABYTE < told[0] < 5 * MEGABYTE
        assert list(tmp_path.iterdir()) == []  # it is whole: nothing to remember
        assert task.wait(timeout=60).result["rows"] == ROWS


def test_one_that_the_server_has_forgotten_is_begun_anew(client: Client, large: Path, dataset: str, tmp_path: Path) -> None:
    Memory(tmp_path).put(client.url, large, f"/uploads/{uuid4()}")
    task = client.upload(large, dataset=dataset, remember=tmp_path)
    task.stop().wait(timeout=60)


def test_what_is_refused_is_not_kept(up: Up, client: Client) -> None:
    before = uploads(up)
    with pytest.raises(NotCsv):
        client.upload(io.BytesIO(b"\x89PNG\r\n\x1a\n\0" * MEGABYTE), dataset="nothing")
    assert uploads(up) == before


def test_a_file_that_changes_while_it_is_sent(up: Up, client: Client, large: Path) -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return b"" if self.tell() > 3 * MEGABYTE else super().read(size)

    with pytest.raises(ChecksumMismatch):
        client.upload(Shrinking(large.read_bytes()))

    class Flickering(io.BytesIO):
        """Other bytes the second time they are read."""

        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            block = super().read(size)
            self.reads += 1
            return block if self.reads < 9 else block.replace(b"a", b"b")

    before = uploads(up)
    with cutting(port(up), [5 * MEGABYTE]) as proxy, pytest.raises(ChecksumMismatch):
        Client(f"http://127.0.0.1:{proxy.port}").upload(Flickering(large.read_bytes()))
    assert uploads(up) == before


def test_the_same_key_is_the_same_task_and_one_upload(up: Up, client: Client, large: Path, dataset: str) -> None:
    first = client.upload(large, dataset=dataset, key=dataset)
    before = uploads(up)
    second = client.upload(large, dataset=dataset, key=dataset)
    assert first.id == second.id
    assert uploads(up) == before
    first.wait(timeout=60)


def test_a_task_is_an_object_with_verbs(client: Client) -> None:
    task = client.submit("generate", {"rows": 2_000_000})
    assert repr(task) == f"<Task {task.id}: generate, queued>"
    assert (dict(task)["task_id"], task["kind"]) == (task.id, "generate")
    paused = task.pause(reason="later").wait(timeout=30)
    assert (paused.status, paused.complete, task.status) == ("paused", False, "queued")
    with pytest.raises(VerbNotPossible) as refused:
        paused.undo()
    assert "stop" in refused.value.extra["possible"]
    with pytest.raises(TimeoutError):
        paused.wait(until=["succeeded"], timeout=0.1)
    stopped = paused.resume().stop().wait(timeout=30)
    assert stopped.status == "stopped"
    with pytest.raises(EndedOtherwise):
        task.wait(timeout=30)
    assert task.wait(timeout=30, check=False).status == "stopped"
    assert task.refresh().status == "stopped"
    assert next(e["event"] for e in stopped.events()) == "submitted"


def test_what_made_it_fail_is_raised(client: Client, dataset: str) -> None:
    bad = io.BytesIO(b"n\n" + b"1\n" * 10 + b"x\n" * 5)
    task = client.upload(bad, dataset=dataset, options={"types": {"n": "bigint"}, "max_errors": 2})
    with pytest.raises(TooManyRejects) as failed:
        task.wait(timeout=30)
    assert "max_errors" in failed.value.hint
    again = task.retry(params={"max_errors": 100}).wait(timeout=30)
    assert (again.result["rows"], again.rejected) == (10, 5)


def test_lists_come_page_by_page(client: Client, dataset: str) -> None:
    bad = io.BytesIO(b"n\n" + b"1\n" * 10 + b"x\n" * 1100)
    task = client.upload(bad, dataset=dataset, options={"types": {"n": "bigint"}}).wait(timeout=30)
    rows = list(task.rejected_rows())
    assert [r["line"] for r in rows] == list(range(12, 1112))
    assert {(r["column"], r["value"]) for r in rows} == {("n", "x")}
    made = [client.submit("generate", {"rows": 1}).id for _ in range(3)]
    assert [t.id for t in client.tasks({"kind": "generate"}, limit=2)] == made[:0:-1]
    assert list(client.tasks({"kind": "generate"}, limit=0)) == []


def test_an_upload_that_is_gone(client: Client) -> None:
    with pytest.raises(UploadNotFound):
        client.submit("import", {"upload": str(uuid4()), "dataset": "nothing"})


def test_the_examples_of_the_docs(up: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open("people.csv", "wb") as file:
        write_people(file, 5000)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block.replace("http://127.0.0.1:5000", up.url), names)
    assert isinstance(names["task"], Task)
    assert (tmp_path / "2015.csv").stat().st_size > 1000
    assert (tmp_path / "generated.csv").stat().st_size > 1000
