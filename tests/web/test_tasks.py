"""Listing, showing, submitting and the verbs over HTTP. What each verb does is told in tests/promises."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from tests.support import wait_until
from tests.web.conftest import end_of, imported, problem
from waystation.web.app import create_app
from waystation.wiring import House

TOWN = {"kinds": "tests.kinds"}


def count(client: FlaskClient, **params: Any) -> dict[str, Any]:
    """A task that takes `steps` times `nap` seconds."""
    response = client.post("/tasks", json={"kind": "test.count", "params": {"steps": 2000, **params}})
    assert response.status_code == 202, response.get_json()
    task: dict[str, Any] = response.get_json()
    return task


def reach(client: FlaskClient, task: dict[str, Any], status: str) -> dict[str, Any]:
    """The task once it has this status."""

    def there() -> dict[str, Any]:
        now: dict[str, Any] = client.get(task["self_url"]).get_json()
        return now if now["status"] == status else {}

    return wait_until(there, 20)


def test_a_task_can_be_paused_resumed_and_stopped_by_post(client: FlaskClient) -> None:
    task = count(client)
    reach(client, task, "running")
    asked = client.post(f"{task['self_url']}/pause", json={"reason": "lunch"}, headers={"X-Actor": "caf%C3%A9"})
    assert asked.status_code == 200
    assert asked.get_json()["status"] in ("pausing", "paused")
    paused = reach(client, task, "paused")
    assert set(paused["links"]) == {"resume", "stop", "terminate"}
    assert client.post(f"{task['self_url']}/pause").status_code == 200
    said = problem(client.post(f"{task['self_url']}/retry"), 409, "verb-not-possible")
    assert said["possible"] == ["resume", "stop", "terminate"]
    assert client.post(paused["links"]["resume"]).get_json()["status"] in ("queued", "running")
    reach(client, task, "running")
    client.post(f"{task['self_url']}/stop", data={"reason": "enough"})
    assert end_of(client, task)["status"] == "stopped"
    timeline = client.get(task["events"]).get_json()["events"]
    told = {(e["event"], e["actor"], e["reason"]) for e in timeline}
    assert ("pause asked", "café", "lunch") in told
    assert ("stop asked", "anonymous", "enough") in told
    assert [e["id"] for e in timeline] == sorted(e["id"] for e in timeline)
    rest = client.get(f"{task['events']}?after={timeline[0]['id']}&limit=2").get_json()["events"]
    assert rest == timeline[1:3]


def test_a_failed_task_is_retried_with_a_parameter_that_its_kind_lets_change(client: FlaskClient) -> None:
    task = count(client, steps=5, fail_at=3)
    failed = end_of(client, task)
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == "kind-failed"
    problem(client.post(f"{task['self_url']}/retry", json={"params": {"steps": 9}}), 422, "invalid-params")
    client.post(f"{task['self_url']}/retry", json={"params": {"limit": 1}})
    assert end_of(client, task)["status"] == "succeeded"
    assert client.post(f"{task['self_url']}/undo").status_code == 200
    assert wait_until(lambda: client.get(task["self_url"]).get_json()["status"] == "undone", 20)


def test_many_tasks_are_asked_at_once(client: FlaskClient) -> None:
    made = [count(client) for _ in range(3)]
    body = {"verb": "terminate", "filter": {"kind": "test.count"}, "reason": "maintenance"}
    said = client.post("/tasks/verbs", json=body).get_json()
    outcomes = {o["task_id"]: o for o in said["outcomes"]}
    assert all(outcomes[t["task_id"]]["changed"] for t in made)
    assert said["changed"] == 3
    others = [o for o in said["outcomes"] if not o["changed"]]
    assert all(o["error"] is None or o["error"]["code"] == "verb-not-possible" for o in others)
    for task in made:
        assert end_of(client, task)["status"] == "terminated"


def test_lists_are_filtered_and_paged(client: FlaskClient) -> None:
    made = [count(client, steps=1) for _ in range(5)]
    for task in made:
        end_of(client, task)
    first = client.get("/tasks/?kind=test.count&state=succeeded&limit=2").get_json()
    assert [t["task_id"] for t in first["tasks"]] == [made[4]["task_id"], made[3]["task_id"]]
    second = client.get(first["next"]).get_json()
    assert [t["task_id"] for t in second["tasks"]] == [made[2]["task_id"], made[1]["task_id"]]
    assert "kind=test.count" in second["next"]
    assert client.get("/tasks?status=pausing").get_json() == {"tasks": [], "next": None}
    assert client.get("/tasks/?created_by=nobody").get_json()["tasks"] == []


def test_a_long_poll_answers_when_the_task_changes_and_not_before(client: FlaskClient, town: House) -> None:
    task = count(client)
    reach(client, task, "running")
    client.post(f"{task['self_url']}/pause")
    paused = reach(client, task, "paused")
    began = time.monotonic()
    same = client.get(f"{task['self_url']}?wait=0.5&version={paused['version']}").get_json()
    assert time.monotonic() - began >= 0.5
    assert same["version"] == paused["version"]
    assert client.get(f"{task['self_url']}?wait=30&version={paused['version'] - 1}").get_json() == same
    answers: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: answers.append(client.get(f"{task['self_url']}?wait=30").get_json()))
    waiting.start()
    client.application.test_client().post(f"{task['self_url']}/stop")
    waiting.join(20)
    assert answers
    assert answers[0]["version"] > paused["version"]
    ended = end_of(client, task)
    began = time.monotonic()
    client.get(f"{task['self_url']}?wait=30&version={ended['version']}")
    assert time.monotonic() - began < 5  # an end is news enough


def test_the_same_key_makes_one_task(client: FlaskClient) -> None:
    body = {"kind": "generate", "params": {"rows": 10}}
    key = {"Idempotency-Key": str(uuid4())}
    first, again = (client.post("/tasks", json=body, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.get_json()["task_id"] == again.get_json()["task_id"]
    assert again.headers["Location"] == first.headers["Location"]
    problem(client.post("/tasks", json={"kind": "generate"}, headers=key), 422, "idempotency-key-reused")
    end_of(client, first.get_json())


class TestVerbsByGet:
    """As the original's walk-through has them, and only on purpose."""

    @pytest.fixture
    def task(self, client: FlaskClient) -> dict[str, Any]:
        return reach(client, count(client), "running")

    @pytest.fixture(autouse=True)
    def ended(self, client: FlaskClient, task: dict[str, Any]) -> Any:
        yield
        client.post(f"{task['self_url']}/terminate")
        end_of(client, task)

    def test_pause_resume_and_stop(self, client: FlaskClient, task: dict[str, Any]) -> None:
        assert client.get(f"{task['self_url']}/pause").status_code == 200
        reach(client, task, "paused")
        assert client.get(f"{task['self_url']}/resume").status_code == 200
        assert client.get(f"{task['self_url']}/stop").status_code == 200
        assert end_of(client, task)["status"] == "stopped"

    @pytest.mark.parametrize("verb", ["terminate", "retry", "undo"])
    def test_the_others_act_by_post_only(self, client: FlaskClient, task: dict[str, Any], verb: str) -> None:
        response = client.get(f"{task['self_url']}/{verb}")
        problem(response, 405, "method-not-allowed")
        assert response.headers["Allow"] == "POST"

    @pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
    def test_head_never_acts(self, client: FlaskClient, task: dict[str, Any], verb: str) -> None:
        assert client.head(f"{task['self_url']}/{verb}").status_code == 405
        assert client.head("/tasks/download").status_code == 405
        assert client.get(task["self_url"]).get_json()["status"] == "running"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Purpose": "prefetch"},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Purpose": "prefetch"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
        ids=str,
    )
    def test_neither_a_prefetch_nor_another_site_s_link_acts(
        self, client: FlaskClient, task: dict[str, Any], headers: dict[str, str]
    ) -> None:
        for address in (f"{task['self_url']}/stop", "/tasks/download"):
            problem(client.get(address, headers=headers), 403, "forbidden")
        assert client.get(task["self_url"]).get_json()["status"] == "running"

    def test_nor_does_a_caller_on_another_machine_or_by_a_name_of_elsewhere(
        self, client: FlaskClient, task: dict[str, Any]
    ) -> None:
        address = f"{task['self_url']}/stop"
        for ask in (client.get, client.post):
            problem(ask(address, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}), 401, "token-needed")
            problem(ask(address, headers={"X-Forwarded-For": "203.0.113.9"}), 401, "token-needed")
            problem(ask(address, headers={"Host": "rebound.example"}), 403, "unknown-host")
        assert client.get(task["self_url"]).get_json()["status"] == "running"

    def test_told_to_be_insecure_it_trusts_callers_elsewhere_but_no_foreign_name(
        self, town: House, task: dict[str, Any]
    ) -> None:
        client = create_app(replace(town, settings=town.settings.model_copy(update={"insecure": True}))).test_client()
        away = {"REMOTE_ADDR": "203.0.113.9"}
        for name in ("rebound.example", "0x7f.1"):
            refused = client.get(f"{task['self_url']}/pause", environ_overrides=away, headers={"Host": name})
            problem(refused, 403, "unknown-host")
        for name in ("203.0.113.1:5000", "[2001:db8::1]", "localhost:5000"):
            answer = client.get(f"{task['self_url']}/pause", environ_overrides=away, headers={"Host": name})
            assert answer.status_code == 200
        problem(client.get(f"{task['self_url']}/stop", headers={"Sec-Fetch-Site": "cross-site"}), 403, "forbidden")

    @pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}], ids=str)
    def test_a_person_who_means_it_does(self, client: FlaskClient, task: dict[str, Any], headers: dict[str, str]) -> None:
        assert client.get(f"{task['self_url']}/pause", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_another_site_s_page_can_change_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    for address in ("/tasks", "/tasks/upload", "/tasks/download", f"/tasks/{uuid4()}/stop", "/tasks/verbs"):
        problem(client.post(address, json={"kind": "generate"}, headers=headers), 403, "forbidden")


def test_our_own_page_can(client: FlaskClient) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
    response = client.post("/tasks", json={"kind": "generate", "params": {"rows": 1}}, headers=headers)
    assert response.status_code == 202
    end_of(client, response.get_json())


def test_a_result_is_served_whole_in_parts_and_not_at_all_to_who_has_it(client: FlaskClient) -> None:
    imported(client, dataset="served")
    task = end_of(client, client.post("/tasks/download", json={"dataset": "served"}).get_json())
    url, sha256 = task["result"]["url"], task["result"]["sha256"]
    with client.get(url) as whole:
        data = whole.data
    assert whole.headers["ETag"] == f'"{sha256}"'
    assert whole.headers["Content-Disposition"] == f"attachment; filename={task['result']['name']}"
    assert (task["label"], task["result"]["name"]) == ("served, all rows", "served.csv")
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.mimetype == "text/csv"
    with client.get(url, headers={"Range": "bytes=5-", "If-Range": f'"{sha256}"'}) as rest:
        assert (rest.status_code, rest.data) == (206, data[5:])
    with client.get(url, headers={"Range": "bytes=5-", "If-Range": '"another"'}) as changed:
        assert (changed.status_code, changed.data) == (200, data)
    with client.get(url, headers={"Range": "bytes=99999-"}) as beyond:
        problem(beyond, 416, "range-not-satisfiable")
        assert beyond.headers["Content-Range"] == f"bytes */{len(data)}"
    with client.get(url, headers={"If-None-Match": f'"{sha256}"'}) as known:
        assert (known.status_code, known.data) == (304, b"")
    client.post(f"{task['self_url']}/undo")
    problem(client.get(url), 404, "no-result")
    assert "url" not in (client.get(task["self_url"]).get_json()["result"] or {})


def test_a_task_without_a_file_has_no_result(client: FlaskClient) -> None:
    problem(client.get(f"{end_of(client, count(client, steps=1))['self_url']}/result"), 404, "no-result")
