"""Files in a bucket are fenced as rows are, and nothing stays behind."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.s3.servers import S3Server
from waystation.errors import StorageUnavailable, TooLarge
from waystation.sdk.result import Result
from waystation.settings import Settings
from waystation.storage.files import files_of
from waystation.storage.files.bucket import PART
from waystation.storage.files.s3 import S3Files

NOISE = os.urandom(2 * PART + 12345)


def keys(bucket: S3Files) -> list[str]:
    return [key for folder in ("uploads/", "segments/", "results/", "checks/") for key in bucket.bucket.keys(folder)]


def writing(bucket: S3Files, task: UUID, attempt: int, known: dict[str, Any] | None = None) -> Result:
    return Result(bucket, task, attempt, "data.csv", known, "text/csv")


def test_an_upload_is_hashed_and_whole_or_not_there(bucket: S3Files) -> None:
    receiver = bucket.receive(uuid4(), "päöple #1 100%.csv", limit=len(NOISE))
    for at in range(0, len(NOISE), 2**20):
        receiver.write(NOISE[at : at + 2**20])
    assert receiver.finish() == hashlib.sha256(NOISE).hexdigest()
    with bucket.open(receiver.place) as file:
        assert file.read() == NOISE
        file.seek(PART - 3)
        assert file.read(7) == NOISE[PART - 3 : PART + 4]
        assert file.seek(0, os.SEEK_END) == len(NOISE)
    other = bucket.receive(uuid4(), "big.csv", limit=2 * PART)
    with pytest.raises(TooLarge):
        other.write(NOISE)
    other.discard()
    assert keys(bucket) == [receiver.place]
    bucket.remove_upload(receiver.place)
    assert keys(bucket) == []
    with pytest.raises(FileNotFoundError):
        bucket.open(receiver.place)


def test_of_two_who_write_to_an_upload_the_later_one_counts(bucket: S3Files) -> None:
    place = bucket.begin(uuid4(), "data.csv", size=100)
    first, second = bucket.append(place), bucket.append(place)
    first.start(0, 1)
    first.write(b"abc")
    first.sync()
    second.start(3, 2)
    first.write(b", from a connection that hangs")
    first.sync()
    second.write(b"def")
    second.sync()
    with bucket.open(place) as file:
        assert file.read() == b"abcdef"


def test_what_an_upload_was_unpacked_to_is_gone_on_with_anywhere(bucket: S3Files) -> None:
    place = bucket.begin(uuid4(), "data.csv.gz", size=100)
    with bucket.open_spool(place, 1) as spool:
        spool.write(b"0123456789", at=0)
        spool.flush()
        spool.write(b"lost", at=10)
    with bucket.open_spool(place, 2) as spool:
        spool.write(b"56789abc", at=5)  # its checkpoint was at 5
        spool.finish(13)
    with bucket.open_spooled(place) as file:
        assert file.read() == b"0123456789abc"
    bucket.drop_spool(place)
    with pytest.raises(FileNotFoundError):
        bucket.open_spooled(place)


@pytest.mark.long
def test_another_form_of_an_upload_is_there_whole_or_not_at_all(bucket: S3Files) -> None:
    place = bucket.begin(uuid4(), "data.csv.gz", size=100)

    def broken() -> Iterator[bytes]:
        yield NOISE
        raise InterruptedError

    with pytest.raises(InterruptedError):
        bucket.make_copy(place, "plain-told", broken())
    assert keys(bucket) == []
    with pytest.raises(FileNotFoundError):
        bucket.open_copy(place, "plain-told")
    bucket.make_copy(place, "plain-told", iter([NOISE, b"end"]))
    with bucket.open_copy(place, "plain-told") as file:
        assert file.read() == NOISE + b"end"
    bucket.remove_upload(place)
    assert keys(bucket) == []


def test_after_a_lost_lease_only_the_checkpointed_bytes_count(bucket: S3Files) -> None:
    task = uuid4()
    zombie = writing(bucket, task, 1)
    zombie.write(b"kept")
    zombie.flush()
    saved = zombie.describe()
    zombie.write(b" and lost")
    heir = writing(bucket, task, 2, saved)
    heir.write(b", and more")
    zombie.write(b", written by the zombie after it woke")
    zombie.flush()
    heir.flush()
    third = writing(bucket, task, 3, heir.describe(released=True))
    third.write(b"!" + NOISE)
    third.flush()
    segments = [(int(n), int(s)) for n, s in third.describe()["segments"]]
    place, size, sha256 = bucket.join(task, 3, "data.csv", segments, third.sha256, lambda done: None, "text/csv")
    with bucket.open(place) as file:
        content = file.read()
    assert content == b"kept, and more!" + NOISE
    assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert bucket.tasks_with_files() == {task: False}
    bucket.settle(task, place)
    assert (keys(bucket), bucket.tasks_with_files()) == ([place], {task: True})
    bucket.remove_task(task)
    assert keys(bucket) == []


def test_a_join_that_is_left_leaves_nothing_and_can_be_done_again(bucket: S3Files) -> None:
    task = uuid4()
    result = writing(bucket, task, 1)
    result.write(NOISE)
    result.flush()
    segments = [(1, len(NOISE))]

    def leave(done: int) -> None:
        if done > PART:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        bucket.join(task, 1, "data.csv", segments, None, leave)
    assert not [key for key in keys(bucket) if key.startswith("results/")]
    assert bucket.join(task, 1, "data.csv", segments, None, lambda done: None)[1] == len(NOISE)
    with pytest.raises(OSError, match="is not there"):
        bucket.join(task, 2, "data.csv", [(1, len(NOISE) + 1)], None, lambda done: None)


def test_a_link_gives_the_result_its_name_and_any_part_of_it(bucket: S3Files) -> None:
    task = uuid4()
    result = writing(bucket, task, 1)
    result.write(b"name\nada\n")
    result.flush()
    place, _, _ = bucket.join(task, 1, "data.csv", [(1, 9)], None, lambda done: None, "text/csv")
    link = bucket.link(place, seconds=60)
    assert link
    with urllib.request.urlopen(urllib.request.Request(link, headers={"Range": "bytes=5-7"})) as answer:
        assert (answer.status, answer.read()) == (206, b"ada")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="data.csv"'
        assert answer.headers["Content-Type"] == "text/csv"


def test_an_upload_that_no_row_names_is_found_once_it_is_old(bucket: S3Files) -> None:
    known, stray = uuid4(), uuid4()
    for id in (known, stray):
        bucket.receive(id, "data.csv", limit=10).finish()
    assert bucket.stray_uploads({str(known)}, seconds=3600) == []
    assert bucket.stray_uploads({str(known)}, seconds=-3600) == [f"uploads/{stray}/data"]


def test_what_is_wrong_with_a_bucket_is_said_in_a_sentence(s3: S3Server) -> None:
    def said(**other: object) -> StorageUnavailable:
        with pytest.raises(StorageUnavailable) as caught:
            files_of(Settings.from_env({}, **{**s3.settings("x"), **other})).check()
        return caught.value

    missing = said(storage="s3://nothing-here/x")
    assert missing.detail == "There is no bucket nothing-here."
    assert "WAYSTATION_STORAGE" in missing.hint
    silent = said(s3_endpoint="http://127.0.0.1:9")
    assert silent.detail.startswith("The bucket bucket at http://127.0.0.1:9 does not answer as it should: ")
    assert "Debug source" not in silent.detail


def test_a_wrong_key_is_refused_in_a_sentence(s3: S3Server, request: pytest.FixtureRequest) -> None:
    if "moto" in request.node.callspec.id:
        pytest.skip("moto believes every key")
    with pytest.raises(StorageUnavailable) as caught:
        files_of(Settings.from_env({}, **{**s3.settings("x"), "s3_secret": "wrong"})).check()
    assert caught.value.detail.startswith(f"The bucket bucket at {s3.endpoint} refuses our key: SignatureDoesNotMatch")
    assert "WAYSTATION_S3_SECRET" in caught.value.hint
