"""Rows in, rows out, through the API."""

from __future__ import annotations

import hashlib
import io
import json

from flask.testing import FlaskClient

from tests.web.conftest import PEOPLE, end_of, imported, problem, send
from waystation.wiring import House


def test_an_upload_is_accepted_with_its_address_and_ends_with_its_rows(client: FlaskClient) -> None:
    response = send(client, PEOPLE, dataset="first", headers={"X-Actor": "ada"})
    assert response.status_code == 202
    task = response.get_json()
    assert response.headers["Location"] == task["self_url"] == f"/tasks/{task['task_id']}"
    assert (task["kind"], task["dataset"], task["created_by"]) == ("import", "first", "ada")
    assert task["state"] in ("queued", "running")
    assert not task["complete"]
    done = end_of(client, task)
    assert done["status"] == "succeeded"
    assert done["counts"] == {"good": 3, "bad": 0}
    assert done["rejects"] is None
    assert done["progress"]["percent"] == 100
    assert set(done["links"]) == {"undo"}
    assert done["created_at"].endswith("Z")
    assert client.get("/datasets/first").get_json()["rows"] == 3


def test_fields_may_come_before_or_after_the_file(client: FlaskClient) -> None:
    for order in (("dataset", "file"), ("file", "dataset")):
        parts = {"dataset": f"{order[0]}_first", "file": (io.BytesIO(PEOPLE), "x.csv")}
        response = client.post("/tasks/upload", data={name: parts[name] for name in order})
        assert response.get_json()["dataset"] == f"{order[0]}_first"


def test_a_raw_body_is_an_upload_too(client: FlaskClient, town: House) -> None:
    response = client.post("/tasks/upload?dataset=raw&name=../evil/p.csv", data=PEOPLE, content_type="text/csv")
    assert response.status_code == 202, response.get_json()
    task = end_of(client, response.get_json())
    assert (task["dataset"], task["counts"]["good"]) == ("raw", 3)
    upload = (town.settings.home / "uploads") / task["params"]["upload"]
    assert [p.name for p in upload.iterdir()] == ["p.csv"]


def test_content_disposition_names_a_raw_body(client: FlaskClient, town: House) -> None:
    headers = {"Content-Disposition": 'attachment; filename="named.csv"'}
    task = client.post("/tasks/upload", data=PEOPLE, content_type="text/csv", headers=headers).get_json()
    assert [p.name for p in ((town.settings.home / "uploads") / task["params"]["upload"]).iterdir()] == ["named.csv"]


def test_policies_reach_the_import(client: FlaskClient) -> None:
    data = b"a\tb\n1\tx\n2\ty\n"
    fields = {"delimiter": "tab", "types": json.dumps({"a": "text"}), "on_error": "abort", "max_errors": "null"}
    response = send(client, data, **fields, dry_run="true", dataset="policies", priority="3")
    task = response.get_json()
    asked = task["params"]
    assert (asked["delimiter"], asked["types"], asked["on_error"]) == ("\t", {"a": "text"}, "abort")
    assert asked["max_errors"] is None
    assert asked["dry_run"] is True
    assert task["priority"] == 3
    assert end_of(client, task)["result"]["rows"] == 2
    problem(client.get("/datasets/policies"), 404, "dataset-not-found")


def test_blank_form_fields_are_as_if_they_had_not_been_sent(client: FlaskClient) -> None:
    task = send(client, PEOPLE + b"dan,1,2018-01-01\n", dataset="", delimiter="", on_error="", max_errors="").get_json()
    assert (task["dataset"], task["params"]["max_errors"]) == ("data", 10_000)


def test_a_large_upload_is_written_whole(client: FlaskClient, town: House) -> None:
    rows = b"".join(b"%d,%s,2015-01-01\n" % (n, b"x" * 90) for n in range(40_000))  # several blocks
    data = b"n,word,day\n" + rows
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n\r\n'
    tail = b'\r\n--B\r\nContent-Disposition: form-data; name="dataset"\r\n\r\nlarge\r\n--B--\r\n'
    kind = "multipart/form-data; boundary=B"
    task = client.post("/tasks/upload", data=head + data + tail, content_type=kind).get_json()
    assert task["dataset"] == "large"
    upload = (town.settings.home / "uploads") / task["params"]["upload"] / "people.csv"
    assert hashlib.sha256(upload.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert end_of(client, task)["counts"]["good"] == 40_000


def test_a_download_by_json_body_on_get_by_query_by_form_and_by_post(client: FlaskClient) -> None:
    imported(client, dataset="sold")
    asked = {"dataset": "sold", "from": "2016-01-01", "till": "2016-12-31"}
    for response in (
        client.get("/tasks/download", json=asked),
        client.get("/tasks/download", query_string=asked),
        client.post("/tasks/download", data=asked),
        client.post("/tasks/download", json=asked),
    ):
        assert response.status_code == 202, response.get_json()
        task = end_of(client, response.get_json())
        assert task["status"] == "succeeded"
        with client.get(task["result"]["url"]) as file:
            data = file.data
        assert data == b"name,age,record_date\nbob,41,2016-01-02\n"
        assert task["result"]["rows"] == 1
        assert task["result"]["sha256"] == hashlib.sha256(data).hexdigest()
        assert task["result"]["size"] == len(data)


def test_options_of_a_download_by_json_by_query_and_by_form(client: FlaskClient) -> None:
    imported(client, dataset="wanted")
    plain = {
        "dataset": "wanted",
        "columns": "age,name",
        "delimiter": ";",
        "quoting": "all",
        "filter": "age > 40",
        "bom": "true",
    }
    for response in (
        client.get("/tasks/download", query_string=plain),
        client.post("/tasks/download", data=plain),
        client.post("/tasks/download", json={**plain, "columns": ["age", "name"], "bom": True}),
    ):
        assert response.status_code == 202, response.get_json()
        with client.get(end_of(client, response.get_json())["result"]["url"]) as file:
            assert file.data == b'\xef\xbb\xbf"age";"name"\n"41";"bob"\n'
    refused = client.post("/tasks/download", json={"dataset": "wanted", "filter": "age > old"})
    assert (refused.status_code, refused.get_json()["code"], refused.get_json()["position"]) == (422, "invalid-filter", 7)


def test_the_same_key_makes_one_upload_and_another_file_is_refused(client: FlaskClient, town: House) -> None:
    key = {"Idempotency-Key": "upload-1"}
    first = send(client, PEOPLE, dataset="once", headers=key)
    before = len(list((town.settings.home / "uploads").iterdir()))
    again = send(client, PEOPLE, dataset="once", headers=key)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.get_json()["task_id"] == again.get_json()["task_id"]
    problem(send(client, PEOPLE + b"dan,1,2018-01-01\n", dataset="once", headers=key), 422, "idempotency-key-reused")
    problem(send(client, PEOPLE, dataset="twice", headers=key), 422, "idempotency-key-reused")
    assert len(list((town.settings.home / "uploads").iterdir())) == before
    assert end_of(client, first.get_json())["status"] == "succeeded"


def test_a_key_that_is_none_is_refused(client: FlaskClient) -> None:
    problem(client.post("/tasks", json={"kind": "generate"}, headers={"Idempotency-Key": ""}), 422, "invalid-request")
