"""Resumable uploads as tus 1.0 has them: every header, every refusal, and that a finished one is an upload like any other."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import wait_until
from tests.web.conftest import PEOPLE, end_of, problem
from waystation.model import UnfinishedUpload, Upload
from waystation.reaper import Reaper
from waystation.resumable import Hashes, Resumable
from waystation.wiring import House

V = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"


def b64(text: bytes) -> str:
    return base64.b64encode(text).decode()


def announce(client: FlaskClient, size: int, name: str = "people.csv", **headers: str) -> str:
    """A new upload: its address."""
    said = client.post(
        "/uploads", headers={**V, "Upload-Length": str(size), "Upload-Metadata": f"filename {b64(name.encode())}", **headers}
    )
    assert said.status_code == 201, said.get_data(as_text=True)
    return said.headers["Location"]


def patch(client: FlaskClient, url: str, offset: int, data: bytes, **headers: str) -> TestResponse:
    return client.patch(url, data=data, content_type=BODY, headers={**V, "Upload-Offset": str(offset), **headers})


def offset(client: FlaskClient, url: str) -> int:
    said = client.head(url, headers=V)
    assert said.status_code == 200
    return int(said.headers["Upload-Offset"])


def sent(client: FlaskClient, data: bytes = PEOPLE) -> str:
    """A whole upload: its id."""
    url = announce(client, len(data))
    assert patch(client, url, 0, data).status_code == 204
    return url.rpartition("/")[2]


def test_what_the_server_can_do(client: FlaskClient, town: House) -> None:
    said = client.options("/uploads")
    assert said.status_code == 204
    assert said.headers["Tus-Version"] == said.headers["Tus-Resumable"] == "1.0.0"
    assert set(said.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "checksum",
        "expiration",
    }
    assert said.headers["Tus-Max-Size"] == str(town.settings.max_upload)
    assert said.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_a_file_in_three_pieces_is_imported(client: FlaskClient) -> None:
    url = announce(client, len(PEOPLE), "two words é.csv")
    assert offset(client, url) == 0
    for at in (0, 10, 30):
        end = {0: 10, 10: 30, 30: len(PEOPLE)}[at]
        said = patch(client, url, at, PEOPLE[at:end])
        assert (said.status_code, said.headers["Upload-Offset"]) == (204, str(end))
        assert ("Upload-Expires" in said.headers) == (end < len(PEOPLE))
        assert said.headers["Tus-Resumable"] == "1.0.0"
    head = client.head(url, headers=V)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (str(len(PEOPLE)),) * 2
    assert head.headers["Upload-Metadata"] == f"filename {b64('two words é.csv'.encode())}"
    assert head.headers["Cache-Control"] == "no-store"
    shown = client.get(url).get_json()
    assert (shown["complete"], shown["name"], shown["sha256"]) == (
        True,
        "two words é.csv",
        hashlib.sha256(PEOPLE).hexdigest(),
    )
    asked = {"kind": "import", "params": {"upload": shown["upload_id"], "dataset": "pieces"}}
    task = end_of(client, client.post("/tasks", json=asked).get_json())
    assert (task["status"], task["result"]["rows"]) == ("succeeded", 3)
    assert client.get(url).get_json()["task_id"] == task["task_id"]


def test_the_first_bytes_may_come_with_the_announcement(client: FlaskClient) -> None:
    headers = {**V, "Upload-Length": str(len(PEOPLE))}
    said = client.post("/uploads", data=PEOPLE[:20], content_type=BODY, headers=headers)
    assert (said.status_code, said.headers["Upload-Offset"]) == (201, "20")
    assert said.get_json()["name"] == "data.csv"
    assert patch(client, said.headers["Location"], 20, PEOPLE[20:]).status_code == 204
    whole = client.post("/uploads", data=PEOPLE, content_type=BODY, headers=headers)
    assert whole.get_json()["complete"] is True


def test_an_empty_file_is_whole_at_once(client: FlaskClient) -> None:
    url = announce(client, 0)
    assert client.get(url).get_json()["sha256"] == hashlib.sha256(b"").hexdigest()
    problem(client.post("/tasks", json={"kind": "import", "params": {"upload": url[9:]}}), 422, "empty-file")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_checksum_that_fits_and_one_that_does_not(client: FlaskClient, algorithm: str) -> None:
    url = announce(client, len(PEOPLE))
    right = f"{algorithm} {b64(hashlib.new(algorithm, PEOPLE[:20]).digest())}"
    problem(patch(client, url, 0, PEOPLE[:19] + b"!", **{"Upload-Checksum": right}), 460, "checksum-mismatch")
    assert offset(client, url) == 0
    assert patch(client, url, 0, PEOPLE[:20], **{"Upload-Checksum": right}).status_code == 204
    # What was refused left no trace in the hash of the whole either.
    assert patch(client, url, 20, PEOPLE[20:]).status_code == 204
    assert client.get(url).get_json()["sha256"] == hashlib.sha256(PEOPLE).hexdigest()
    refused = client.post(
        "/uploads", data=b"x", content_type=BODY, headers={**V, "Upload-Length": "1", "Upload-Checksum": right}
    )
    problem(refused, 460, "checksum-mismatch")


@pytest.mark.parametrize("said", ["md5 AAAA", "sha1", "sha1 ???", "sha256 é"])
def test_a_checksum_that_is_none(client: FlaskClient, said: str) -> None:
    url = announce(client, 5)
    status = patch(client, url, 0, b"hello", **{"Upload-Checksum": said}).status_code
    assert status in (422, 460)
    assert offset(client, url) == 0


def test_bytes_from_elsewhere_are_refused(client: FlaskClient) -> None:
    url = announce(client, len(PEOPLE))
    assert problem(patch(client, url, 5, PEOPLE[5:]), 409, "offset-mismatch")["offset"] == 0
    patch(client, url, 0, PEOPLE[:7])
    assert problem(patch(client, url, 0, PEOPLE), 409, "offset-mismatch")["offset"] == 7
    assert offset(client, url) == 7
    patch(client, url, 7, PEOPLE[7:])
    problem(patch(client, url, 0, PEOPLE), 409, "offset-mismatch")
    assert patch(client, url, len(PEOPLE), b"").status_code == 204  # a client that did not hear the answer to its last bytes


def test_more_bytes_than_announced_are_refused(client: FlaskClient, town: House) -> None:
    url = announce(client, 10)
    problem(patch(client, url, 0, b"x" * 11), 413, "too-large")
    said = town.resumable.show(UUID(url[9:]))
    assert offset(client, url) == 0
    assert (town.settings.home / said.path).stat().st_size == 0
    headers = {**V, "Upload-Length": str(town.settings.max_upload + 1)}
    problem(client.post("/uploads", headers=headers), 413, "too-large")


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "Upload-Length is missing"),
        ({"Upload-Length": "-1"}, "digits"),
        ({"Upload-Length": "1e3"}, "digits"),
        ({"Upload-Length": "9" * 30}, "digits"),
        ({"Upload-Length": "5", "Upload-Metadata": "filename ???"}, "base64"),
        ({"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="}, "twice"),
        ({"Upload-Length": "5", "Upload-Metadata": "a " + "A" * 5000}, "4096"),
        ({"Upload-Length": "5", "Upload-Metadata": ",,"}, "without"),
        ({"Upload-Defer-Length": "1"}, "Upload-Defer-Length"),
        ({"Upload-Length": "5", "Upload-Concat": "partial"}, "Upload-Concat"),
    ],
)
def test_an_announcement_that_is_none(client: FlaskClient, town: House, headers: dict[str, str], says: str) -> None:
    before = set((town.settings.home / "uploads").glob("*"))
    said = problem(client.post("/uploads", headers={**V, **headers}), 422, "invalid-request")
    assert says in said["detail"] + said["remedy"]
    assert set((town.settings.home / "uploads").glob("*")) == before


def test_names_that_are_tricks(client: FlaskClient, town: House) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "..", "a\0b", "x" * 300):
        found = town.resumable.show(UUID(announce(client, 5, name)[9:]))
        place = (town.settings.home / found.path).resolve()
        assert place.is_file()
        assert place.parent.parent == (town.settings.home / "uploads").resolve()
        assert len(found.name) <= 100


def test_a_client_of_another_version(client: FlaskClient) -> None:
    url = announce(client, 5)
    for said in (
        client.post("/uploads", headers={"Upload-Length": "5"}),
        client.patch(url, data=b"hello", content_type=BODY, headers={"Tus-Resumable": "0.2.2", "Upload-Offset": "0"}),
        client.delete(url),
    ):
        problem(said, 412, "protocol-version")
        assert said.headers["Tus-Version"] == "1.0.0"
    assert client.head(url).status_code == 412


def test_another_body_or_none_where_bytes_are_needed(client: FlaskClient) -> None:
    url = announce(client, 5)
    problem(
        client.patch(url, data=b"hello", content_type="text/csv", headers={**V, "Upload-Offset": "0"}), 415, "wrong-media-type"
    )
    problem(client.patch(url, data=b"hello", content_type=BODY, headers=V), 422, "invalid-request")


@pytest.mark.parametrize("id", ["3f2c8a5e-0d5b-4c4e-9a53-6f1f2b7c8d90", "nonsense", "x" * 500])
def test_nothing_is_there(client: FlaskClient, id: str) -> None:
    url = f"/uploads/{id}"
    assert client.head(url, headers=V).status_code == 404
    for said in (client.get(url), client.delete(url, headers=V), patch(client, url, 0, b"x")):
        problem(said, 404, "upload-not-found")


def test_given_up(client: FlaskClient, town: House) -> None:
    for data in (PEOPLE, PEOPLE[:5]):
        url = announce(client, len(PEOPLE))
        patch(client, url, 0, data)
        assert client.delete(url, headers=V).status_code == 204
        assert not ((town.settings.home / "uploads") / url[9:]).exists()
        assert client.head(url, headers=V).status_code == 404
        problem(client.delete(url, headers=V), 404, "upload-not-found")


def test_one_that_a_task_has_is_not_given_up(client: FlaskClient) -> None:
    id = sent(client)
    task = client.post("/tasks", json={"kind": "import", "params": {"upload": id, "dataset": "held"}}).get_json()
    assert problem(client.delete(f"/uploads/{id}", headers=V), 409, "upload-in-use")["task_id"] == task["task_id"]
    end_of(client, task)


def test_an_unfinished_one_can_t_be_imported(client: FlaskClient) -> None:
    url = announce(client, len(PEOPLE))
    patch(client, url, 0, PEOPLE[:9])
    said = problem(client.post("/tasks", json={"kind": "import", "params": {"upload": url[9:]}}), 409, "upload-unfinished")
    assert f"9 of {len(PEOPLE)} bytes" in said["detail"]


def test_a_method_that_a_proxy_lets_through(client: FlaskClient) -> None:
    url = announce(client, 5)
    headers = {**V, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(url, data=b"hello", content_type=BODY, headers=headers).headers["Upload-Offset"] == "5"
    assert client.post(url, headers={**V, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    problem(client.post(url, headers=V), 405, "method-not-allowed")


def test_a_page_of_another_site_sends_nothing(client: FlaskClient) -> None:
    headers: Any = {**V, "Upload-Length": "5", "Origin": "https://elsewhere.example"}
    problem(client.post("/uploads", headers=headers), 403, "forbidden")


def expire(town: House, url: str) -> None:
    with psycopg.connect(town.database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE waystation.unfinished_uploads SET expires_at = now() - interval '1 second' WHERE id = %s", (url[9:],)
        )


def test_one_that_waits_too_long_is_swept_and_others_stay(client: FlaskClient, town: House) -> None:
    old, young = announce(client, 5), announce(client, 5)
    patch(client, old, 0, b"he")
    expire(town, old)
    reaper = Reaper(town.database, town.files, town.settings, town.bell)
    wait_until(lambda: reaper.pass_once(sweep=True))
    assert client.head(old, headers=V).status_code == 404
    assert not ((town.settings.home / "uploads") / old[9:]).exists()
    assert offset(client, young) == 0
    assert ((town.settings.home / "uploads") / young[9:]).exists()


def test_bytes_put_off_the_end(client: FlaskClient, town: House) -> None:
    url = announce(client, 5)
    expire(town, url)
    patch(client, url, 0, b"he")
    found = town.resumable.show(UUID(url[9:]))
    assert isinstance(found, UnfinishedUpload)
    assert found.created_at < found.expires_at


def test_a_hash_that_another_process_began_is_made_anew(client: FlaskClient, town: House) -> None:
    url = announce(client, len(PEOPLE))
    patch(client, url, 0, PEOPLE[:9])
    other = Resumable(town.database, town.files, town.settings)
    whole = other.take(UUID(url[9:]), 9, [PEOPLE[9:]])
    assert isinstance(whole, Upload)
    assert whole.sha256 == hashlib.sha256(PEOPLE).hexdigest()


def test_a_process_that_died_before_the_last_word(client: FlaskClient, town: House) -> None:
    """⚑ All bytes are there and counted, but the upload was not made whole: whoever asks next does it."""
    url = announce(client, len(PEOPLE))
    patch(client, url, 0, PEOPLE[:-1])
    row = town.resumable.show(UUID(url[9:]))
    with (town.settings.home / row.path).open("ab") as file:
        file.write(PEOPLE[-1:])
    with psycopg.connect(town.database_url, autocommit=True) as connection:
        connection.execute("UPDATE waystation.unfinished_uploads SET received = size WHERE id = %s", (url[9:],))
    assert offset(client, url) == len(PEOPLE)
    assert client.get(url).get_json()["sha256"] == hashlib.sha256(PEOPLE).hexdigest()


def test_bytes_behind_the_offset_are_dropped(client: FlaskClient, town: House) -> None:
    """⚑ A process died after it wrote and before it said so: what it wrote does not count, and is not hashed twice."""
    url = announce(client, len(PEOPLE))
    patch(client, url, 0, PEOPLE[:9])
    row = town.resumable.show(UUID(url[9:]))
    with (town.settings.home / row.path).open("ab") as file:
        file.write(b"lost" * 1000)
    patch(client, url, 9, PEOPLE[9:])
    assert (town.settings.home / row.path).read_bytes() == PEOPLE


def test_hashes_are_forgotten_where_they_do_not_fit() -> None:
    hashes, id = Hashes(), uuid4()
    state = hashlib.sha256(b"abc")
    hashes.put(id, 3, state)
    assert hashes.take(id, 2) is None
    hashes.put(id, 3, state)
    assert hashes.take(id, 3) is state
    assert hashes.take(id, 3) is None
