"""Files are fenced as rows are: an attempt writes only what carries its number."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from waystation.errors import TooLarge
from waystation.sdk.result import Result
from waystation.storage.files import LocalFiles, clean_name


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


_open: list[Result] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def writing(files: LocalFiles, task: UUID, attempt: int, known: dict[str, Any] | None = None) -> Result:
    """The result data.csv as this attempt sees it."""
    _open.append(Result(files, task, attempt, "data.csv", known, "text/csv"))
    return _open[-1]


def join(files: LocalFiles, task: UUID, result: Result, attempt: int) -> bytes:
    segments = [(int(n), int(s)) for n, s in result.describe()["segments"]]
    path, size, sha256 = files.join(task, attempt, result.name, segments, result.sha256, lambda n: None)
    content = (files.home / path).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (size, sha256)
    return content


def test_one_attempt_writes_one_segment_which_becomes_the_result(files: LocalFiles) -> None:
    task = uuid4()
    result = writing(files, task, 1)
    result.write(b"abc")
    result.write(b"def")
    result.flush()
    assert result.describe() == {"segments": [[1, 6]], "released": False, "media_type": "text/csv"}
    assert join(files, task, result, 1) == b"abcdef"


def test_after_a_lost_lease_only_the_checkpointed_bytes_count(files: LocalFiles) -> None:
    task = uuid4()
    zombie = writing(files, task, 1)
    zombie.write(b"kept")
    zombie.flush()
    saved = zombie.describe()
    zombie.write(b" and lost")
    heir = writing(files, task, 2, saved)
    assert heir.size == 4
    heir.write(b", and more")
    zombie.write(b", written by the zombie after it woke")
    zombie.flush()
    heir.flush()
    assert heir.describe()["segments"] == [[1, 4], [2, 10]]
    assert join(files, task, heir, 2) == b"kept, and more"


def test_after_a_graceful_release_the_segment_goes_on(files: LocalFiles) -> None:
    task = uuid4()
    first = writing(files, task, 1)
    first.write(b"one")
    first.flush()
    saved = first.describe(released=True)
    first.close()
    second = writing(files, task, 2, saved)
    second.write(b"two")
    second.flush()
    assert second.describe()["segments"] == [[2, 6]]
    second.close()
    # Had the second died before its first checkpoint, the row would still name the first: that works as well.
    third = writing(files, task, 3, saved)
    third.write(b"3")
    third.flush()
    assert join(files, task, third, 3) == b"one3"


def test_a_segment_that_is_too_short_is_never_joined(files: LocalFiles) -> None:
    task = uuid4()
    result = writing(files, task, 1)
    result.write(b"abc")
    result.flush()
    os.truncate(files.segment(task, 1, "data.csv"), 1)
    with pytest.raises(OSError, match="shorter"):
        files.join(task, 1, "data.csv", [(1, 3)], None, lambda n: None)


def test_all_that_a_task_wrote_is_removed(files: LocalFiles) -> None:
    task = uuid4()
    result = writing(files, task, 1)
    result.write(b"abc")
    result.flush()
    path, _, _ = files.join(task, 1, "data.csv", [(1, 3)], result.sha256, lambda n: None)
    files.link_download(task, path)
    assert (files.downloads / f"{task}.csv").read_bytes() == b"abc"
    assert files.tasks_with_files() == {task: False}, "its segments are not settled yet"
    files.settle(task, path)
    assert files.tasks_with_files() == {task: True}
    files.remove_task(task)
    assert files.tasks_with_files() == {}
    assert [p for p in files.home.rglob("*") if p.is_file()] == []


def test_an_upload_is_hashed_and_durable_or_not_there(files: LocalFiles) -> None:
    receiver = files.receive(uuid4(), "people.csv", limit=10)
    receiver.write(b"abc")
    assert receiver.finish() == hashlib.sha256(b"abc").hexdigest()
    other = files.receive(uuid4(), "big.csv", limit=10)
    with pytest.raises(TooLarge):
        other.write(b"x" * 11)
    other.discard()
    assert not other.path.parent.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("data.csv", "data.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\data.csv", "data.csv"),
        ("..", "data.csv"),
        ("", "data.csv"),
        ("a\x00b\n.csv", "ab.csv"),
        ("/", "data.csv"),
        ("x" * 300 + ".csv", ("x" * 300 + ".csv")[-100:]),
        ("ünïcode.csv", "ünïcode.csv"),
    ],
)
def test_a_name_that_somebody_gave_is_never_a_path(given: str, kept: str) -> None:
    assert clean_name(given) == kept
