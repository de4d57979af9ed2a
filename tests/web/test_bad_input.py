"""Every bad input that a person can send: each a clear problem or a rejected row, never a 500, and nothing of it is kept."""

from __future__ import annotations

import io
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.web.conftest import end_of, imported, problem, send
from waystation.wiring import House

NOBODY = "3f2c8a5e-0d5b-4c4e-9a53-6f1f2b7c8d90"  # the id of no task

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body><p>Please sign in.</p></body></html>\n"


@pytest.fixture
def nothing_kept(client: FlaskClient, town: House) -> Iterator[None]:
    """No file, no row and no task stays of what was refused."""

    def kept() -> tuple[int, int, int]:
        with psycopg.connect(town.database_url) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM waystation.uploads), (SELECT count(*) FROM waystation.tasks)"
            )
            uploads, tasks = row.fetchone() or (0, 0)
        files = len(list((town.settings.home / "uploads").iterdir())) if (town.settings.home / "uploads").exists() else 0
        return uploads, tasks, files

    before = kept()
    yield
    assert kept() == before


@pytest.mark.usefixtures("nothing_kept")
class TestRefusedAtOnce:
    """Files and forms that can't become a task."""

    def test_no_file_in_the_form(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/upload", data={"dataset": "x"}, content_type="multipart/form-data"), 422, "no-file")

    def test_a_form_that_can_carry_no_file(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/upload", data={"dataset": "x"}), 422, "no-file")

    def test_no_body_at_all(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/upload"), 422, "no-file")

    def test_a_browser_s_form_with_no_file_chosen(self, client: FlaskClient) -> None:
        body = (
            b'--B\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n\r\n--B--\r\n"
        )
        problem(client.post("/tasks/upload", data=body, content_type="multipart/form-data; boundary=B"), 422, "no-file")

    def test_an_empty_file(self, client: FlaskClient) -> None:
        problem(send(client, b""), 422, "empty-file")

    def test_an_empty_raw_body(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/upload", data=b"", content_type="text/csv"), 422, "empty-file")

    @pytest.mark.parametrize(
        "data", [PNG, PNG * 5000, HTML, b'{"a": 1, "b": [1, 2]}\n'], ids=["png", "big png", "html", "json"]
    )
    def test_not_a_csv(self, client: FlaskClient, data: bytes) -> None:
        problem(send(client, data), 422, "not-csv")

    @pytest.mark.parametrize("data", [b"name,age\n", b"name,age", b"name,age\n\n\n"])
    def test_a_header_only(self, client: FlaskClient, data: bytes) -> None:
        problem(send(client, data), 422, "no-rows")

    def test_two_files(self, client: FlaskClient) -> None:
        files = [(io.BytesIO(b"a,b\n1,2\n"), "1.csv"), (io.BytesIO(b"a,b\n1,2\n"), "2.csv")]
        problem(client.post("/tasks/upload", data={"file": files}), 422, "invalid-request")

    def test_a_multipart_body_that_breaks_off(self, client: FlaskClient) -> None:
        body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n1,2\n'
        problem(client.post("/tasks/upload", data=body, content_type="multipart/form-data; boundary=B"), 400, "malformed-body")

    def test_a_multipart_body_without_a_boundary(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/upload", data=b"x", content_type="multipart/form-data"), 400, "malformed-body")

    def test_a_bad_name_for_a_dataset(self, client: FlaskClient) -> None:
        problem(send(client, b"a,b\n1,2\n", dataset="Robert'); DROP TABLE"), 422, "invalid-name")

    def test_a_limit_for_what_can_be_no_dataset(self, client: FlaskClient) -> None:
        problem(client.put("/limits/dataset/a b", json={"running": 1}), 422, "invalid-name")

    @pytest.mark.parametrize("moment", ["2030", 2030, 1e10, "1e3", "2030-01-01T00:00:00", "tomorrow"])
    def test_a_moment_that_is_none(self, client: FlaskClient, moment: object) -> None:
        made = client.post("/tasks", json={"kind": "generate", "params": {"rows": 1}, "run_at": moment})
        assert problem(made, 422, "invalid-request")["errors"][0]["field"] == "run_at"

    def test_a_misspelt_field(self, client: FlaskClient) -> None:
        said = problem(send(client, b"a,b\n1,2\n", data_set="x"), 422, "invalid-request")
        assert said["errors"] == [{"field": "data_set", "message": "is not a field of this request"}]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("max_errors", "many"),
            ("max_errors", "-1"),
            ("dry_run", "perhaps"),
            ("types", "{"),
            ("types", "[1]"),
            ("priority", "1e9"),
            ("on_error", "shrug"),
            ("delimiter", ",,"),
            ("mode", "merge"),
            ("header", "["),
            ("dates", "ydm"),
            ("constraints", '{"a": {"least": 1}}'),
            ("max_errors", "101%"),
            ("nulls", "[1]"),
        ],
    )
    def test_a_policy_that_is_none(self, client: FlaskClient, field: str, value: str) -> None:
        said = problem(send(client, b"a,b\n1,2\n", **{field: value}), 422, "invalid-request")
        assert said["errors"][0]["field"].startswith(field)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("delimiter", '"'),
            ("quote", "x"),
            ("header", "a,b,c"),
            ("types", '{"a": "int"}'),
            ("columns", '{"a": "b b", "b": "b b"}'),
            ("columns", '{"a": "_b"}'),
            ("thousands", "."),
            ("constraints", '{"a": {"pattern": "("}}'),
            ("encoding", "klingon"),
        ],
    )
    def test_a_policy_that_the_kind_refuses(self, client: FlaskClient, field: str, value: str) -> None:
        more = {"decimal": ".", "types": '{"a": "text"}'} if field in ("thousands", "constraints") else {}
        said = problem(send(client, b"a,b\n1,2\n", **{**more, field: value}), 422, "invalid-params")
        assert {"thousands": "separator", "constraints": "`pattern`"}.get(field, field) in said["detail"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("types", '{"c": "text"}'),
            ("columns", "a,c"),
            ("constraints", '{"c": {"required": true}}'),
            ("columns", '{"c": "d"}'),
        ],
    )
    def test_a_column_that_is_not_there(self, client: FlaskClient, field: str, value: str) -> None:
        assert "'c'" in problem(send(client, b"a,b\n1,2\n", **{field: value}), 422, "unknown-column")["detail"]

    @pytest.mark.parametrize("value", ["yesterday", "2019-02-30", "2019-13-01", "15.02.2010", "20190315", "٢٠١٩-٠٣-١٥"])
    def test_a_bad_date(self, client: FlaskClient, value: str) -> None:
        said = problem(client.get("/tasks/download", query_string={"from": value}), 422, "invalid-date")
        assert value in said["detail"]
        assert said["field"] == "from"
        problem(client.post("/tasks/download", json={"till": value}), 422, "invalid-date")

    def test_from_after_till(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/download", json={"from": "2019-03-15", "till": "2010-02-15"}), 422, "invalid-range")

    def test_an_unknown_dataset(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/download", json={"dataset": "nowhere"}), 404, "dataset-not-found")
        for path in ("", "/batches", "/preview"):
            problem(client.get(f"/datasets/nowhere{path}"), 404, "dataset-not-found")

    def test_an_unknown_form(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/download", json={"format": "docx"}), 422, "invalid-request")

    @pytest.mark.parametrize("path", ["", "/result", "/rejects", "/events", "/pause"])
    @pytest.mark.parametrize("task", [NOBODY, "17", "not-an-id", "x" * 3000])
    def test_an_unknown_task(self, client: FlaskClient, task: str, path: str) -> None:
        problem(client.get(f"/tasks/{task}{path}"), 404, "task-not-found")

    @pytest.mark.parametrize("path", ["/tasks/..%2f..%2fetc%2fpasswd", "/tasks/%00", "/datasets/a%00b", "/datasets/%ff"])
    def test_a_path_that_is_a_trick(self, client: FlaskClient, path: str) -> None:
        assert client.get(path).status_code == 404

    def test_an_unknown_verb(self, client: FlaskClient) -> None:
        problem(client.post(f"/tasks/{uuid4()}/explode"), 404, "unknown-verb")
        problem(client.get(f"/tasks/{uuid4()}/explode"), 404, "unknown-verb")

    def test_an_unknown_kind(self, client: FlaskClient) -> None:
        problem(client.post("/tasks", json={"kind": "alchemy"}), 404, "kind-not-found")

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff\xfe",
            b"[1]",
            b'"x"',
            b"[" * 100_000,
            b'{"kind": "generate", "params": {"rows": 1e999}}',
            b'{"kind": "generate", "params": {"seed": NaN}}',
        ],
    )
    def test_a_body_that_can_t_be_read(self, client: FlaskClient, body: bytes) -> None:
        response = client.post("/tasks", data=body, content_type="application/json")
        assert response.status_code in (400, 422)
        assert response.mimetype == "application/problem+json"

    @pytest.mark.parametrize(
        "body", [{}, {"kind": 5}, {"kind": "generate", "params": []}, {"kind": "generate", "params": {"rows": 0}}]
    )
    def test_a_submission_that_does_not_fit(self, client: FlaskClient, body: object) -> None:
        assert client.post("/tasks", json=body).status_code == 422

    def test_text_that_a_database_can_t_hold(self, client: FlaskClient) -> None:
        for body in ({"dataset": "a\0b"}, {"by": "a\0b"}, {"dataset": "\ud800"}):
            assert client.post("/tasks/download", json=body).status_code in (404, 422)

    @pytest.mark.parametrize(
        "query",
        [
            "state=asleep",
            "status=asleep",
            "limit=0",
            "limit=501",
            "limit=x",
            "cursor=%3F%3F",
            "colour=red",
            "cursor=zzzzzzzzzzzzzzzzzzzz",
        ],
    )
    def test_a_list_that_is_none(self, client: FlaskClient, query: str) -> None:
        problem(client.get(f"/tasks/?{query}"), 422, "invalid-request")

    @pytest.mark.parametrize("query", ["wait=x", "wait=-1", "wait=1e9", "wait=nan", "version=x"])
    def test_a_wait_that_is_none(self, client: FlaskClient, query: str) -> None:
        problem(client.get(f"/tasks/{uuid4()}?{query}"), 422, "invalid-request")

    def test_a_verb_for_every_task_by_oversight(self, client: FlaskClient) -> None:
        problem(client.post("/tasks/verbs", json={"verb": "stop", "filter": {}}), 422, "invalid-request")

    def test_an_address_that_is_none(self, client: FlaskClient) -> None:
        said = problem(client.get("/nowhere", headers={"Accept": "text/html"}), 404, "not-found")
        assert "/nowhere" in said["detail"]

    def test_a_method_that_is_none(self, client: FlaskClient) -> None:
        response = client.delete("/kinds")
        problem(response, 405, "method-not-allowed")
        assert response.headers["Allow"] == "GET, HEAD"


def test_duplicate_and_blank_headers_are_renamed_and_reported(client: FlaskClient) -> None:
    task = imported(client, b"name,name,,_hidden\nada,1,x,y\n", dataset="renamed")
    columns = [c["name"] for c in client.get("/datasets/renamed").get_json()["columns"]]
    assert columns == ["name", "name_2", "column_3", "hidden"]
    assert set(task["result"]["renamed"].values()) <= set(columns)
    assert task["result"]["renamed"]


def test_bad_rows_are_rejected_with_line_column_value_and_reason(client: FlaskClient) -> None:
    good = b"".join(b"p%d,%d,2015-01-01\n" % (n, n) for n in range(200))
    bad = b"few,1\nmany,1,2015-01-01,x\nb\xffd,1,2015-01-01\nword,abc,2015-01-01\nday,1,2015-02-30\n"
    task = imported(client, b"name,age,day\n" + good + bad, dataset="dirty", types='{"age": "bigint", "day": "date"}')
    assert task["counts"] == {"good": 200, "bad": 5}
    assert (task["rejects"]["count"], task["rejects"]["url"]) == (5, f"{task['self_url']}/rejects")
    counted = {(r["column"], r["rows"]) for r in task["rejects"]["reasons"]}
    assert counted == {(None, 2), ("name", 1), ("age", 1), ("day", 1)}
    rows = client.get(f"{task['rejects']['url']}?format=json").get_json()["rejects"]
    assert [r["line"] for r in rows] == [202, 203, 204, 205, 206]
    assert [r["column"] for r in rows[3:]] == ["age", "day"]
    assert [r["value"] for r in rows[3:]] == ["abc", "2015-02-30"]
    assert all(r["reason"] for r in rows)
    assert "header" in rows[0]["reason"]
    part = client.get(f"{task['rejects']['url']}?format=json&limit=2&after={rows[1]['record']}").get_json()["rejects"]
    assert [r["line"] for r in part] == [204, 205]

    sheet = client.get(task["rejects"]["url"])
    assert sheet.mimetype == "text/csv"
    lines = sheet.get_data(as_text=True).splitlines()
    assert lines[0] == "name,age,day,_line,_error"
    assert len(lines) == 6

    mended = sheet.data.replace(b"abc", b"7").replace(b"2015-02-30", b"2015-02-28")
    again = imported(client, mended, dataset="dirty")
    assert again["counts"] == {"good": 3, "bad": 2}  # those with too few and too many fields were not mended
    assert client.get("/datasets/dirty").get_json()["columns"][-1]["name"] == "day"


def test_no_rejects_are_an_empty_sheet(client: FlaskClient) -> None:
    task = imported(client, dataset="clean")
    assert client.get(f"{task['self_url']}/rejects").get_data(as_text=True) == "name,age,record_date,_line,_error\n"


def test_a_budget_that_is_broken_fails_the_task_with_a_remedy(client: FlaskClient) -> None:
    data = b"n,m\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(50)) + b"x\n" * 5
    task = end_of(client, send(client, data, dataset="broke", max_errors="2").get_json())
    assert task["status"] == "failed"
    assert task["error"]["code"] == "too-many-rejects"
    assert task["error"]["remedy"]
    assert "retry" in task["links"]
