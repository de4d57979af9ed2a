"""Tokens: made, shown once, kept as hashes, ended; who acts is who holds one; and what is for some groups only."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.access.conftest import Ask
from tests.conftest import StartWorker
from tests.support import wait_until
from tests.web.serving import Served, next_event
from waystation.access import Role
from waystation.errors import InvalidRequest, TokenExists, TokenNotFound, WrongToken
from waystation.gate import Gate
from waystation.web.app import create_app
from waystation.wiring import House

ABROAD = "127.1"  # it is this machine, but written as the rule for it does not know
ADMIN_TOKEN = "an-admin-token-of-more-than-32-letters"


def code(answer: TestResponse) -> tuple[int, str]:
    """The status and the code of a problem."""
    assert answer.mimetype == "application/problem+json", answer.data[:200]
    return answer.status_code, answer.get_json()["code"]


def test_a_secret_is_shown_once_and_nowhere_kept(house: House, as_: Ask) -> None:
    made = as_("root").post("/tokens", json={"name": "ada", "role": "operator", "groups": ["b", "a"], "expires_in": 60})
    assert made.status_code == 201
    secret = made.get_json()["secret"]
    assert len(secret) >= 43
    listed = as_("root").get("/tokens")
    assert secret not in listed.text
    (ada,) = [t for t in listed.get_json()["tokens"] if t["name"] == "ada"]
    assert (ada["role"], ada["groups"], ada["created_by"], ada["used_at"]) == ("operator", ["a", "b"], "root", None)
    with house.database.transaction() as connection:
        rows = connection.execute("SELECT t::text AS row FROM tokens t").fetchall()
    assert not any(secret in r["row"] for r in rows)


def test_what_is_done_carries_the_token_s_name_whatever_the_request_says(house: House, as_: Ask) -> None:
    client = as_("operator")
    sent = {"kind": "generate", "params": {"rows": 10}}
    task = client.post("/tasks", json=sent, headers={"X-Actor": "somebody-else"}).get_json()
    client.post(f"{task['self_url']}/stop", json={"reason": "no"}, headers={"X-Actor": "somebody-else"})
    assert task["created_by"] == "operator"
    events = client.get(task["events"]).get_json()["events"]
    assert {(e["event"], e["actor"]) for e in events} >= {("submitted", "operator")}
    assert "somebody-else" not in json.dumps(events)
    assert client.get("/me").get_json() == {"name": "operator", "role": "operator", "token": True}


@pytest.mark.parametrize("said", ["", "Bearer ", "Bearer nonsense", "Basic cm9vdDpyb290", "Bearer \N{SNOWMAN}"])
def test_without_a_right_token_nothing_is_told(app: Flask, tokens: dict[str, str], said: str) -> None:
    answer = app.test_client().get("/tasks/", headers={"Authorization": said.encode().decode("latin-1")} if said else {})
    assert code(answer)[0] == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_and_one_that_has_ended_let_nobody_in(house: House) -> None:
    gate = house.gate
    gate.create("ann", Role.ADMIN, actor="test")
    _, revoked = gate.create("bob", Role.VIEWER, actor="test")
    _, short = gate.create("cyd", Role.VIEWER, seconds=0.001, actor="test")
    assert gate.caller(revoked).name == "bob"
    gate.revoke("bob", actor="ann")
    with pytest.raises(WrongToken):
        gate.caller(revoked)

    def ended() -> bool:
        try:
            gate.caller(short)
        except WrongToken:
            return True
        return False

    wait_until(ended)
    with pytest.raises(TokenNotFound):
        gate.revoke("bob", actor="ann")
    _, again = gate.create("bob", Role.VIEWER, actor="ann")
    assert gate.caller(again).name == "bob"
    with pytest.raises(TokenExists):
        gate.create("bob", Role.VIEWER, actor="ann")


def test_the_last_token_s_end_opens_no_door(house: House) -> None:
    client = create_app(house).test_client()
    assert client.get("/tasks/").status_code == 200
    house.gate.create("ann", Role.ADMIN, actor="test")
    assert code(client.get("/tasks/")) == (401, "token-needed")
    house.gate.revoke("ann", actor="test")
    assert code(client.get("/tasks/")) == (401, "token-needed")
    assert client.get("/healthz").status_code == 200
    assert Gate(house.database).closed, "another process sees it too"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "admin", "retention", "a\n", "ä"])
def test_a_name_that_could_be_mistaken_is_refused(house: House, name: str) -> None:
    with pytest.raises(InvalidRequest):
        house.gate.create(name, Role.VIEWER, actor="test")


def test_the_settings_can_name_the_first_token(house: House) -> None:
    told = replace(house, gate=Gate(house.database, admin_token=ADMIN_TOKEN))
    client = create_app(told).test_client()
    assert code(client.get("/tasks/")) == (401, "token-needed")
    headers = {"Authorization": f"bearer {ADMIN_TOKEN}"}
    assert client.get("/me", headers=headers).get_json() == {"name": "admin", "role": "admin", "token": True}
    assert client.post("/tokens", json={"name": "ann", "role": "viewer"}, headers=headers).status_code == 201


class TestListening:
    """A server that others can reach wants tokens."""

    def test_beyond_this_machine_without_tokens_it_does_not_start(self, house: House) -> None:
        served = Served(house.settings.model_copy(update={"port": 0, "host": ABROAD}))
        assert served.line == ""
        status, _, err = served.end()
        assert status == 8
        assert "no token has been made" in err
        assert "waystation token create" in err

    @pytest.mark.parametrize("given", [{"insecure": True}, {"admin_token": ADMIN_TOKEN}, {"host": "127.0.0.1"}])
    def test_else_it_does(self, house: House, given: dict[str, Any]) -> None:
        served = Served(house.settings.model_copy(update={"port": 0, "host": ABROAD, **given}))
        try:
            assert served.ask("GET", "/healthz")[0] == 200
            assert served.ask("GET", "/tasks/")[0] == (401 if "admin_token" in given else 200)
        finally:
            assert served.end()[0] == 0


class TestGetVerbs:
    """GET acts for who shows a token, wherever they are; else on this machine only."""

    def test_a_token_is_enough(self, as_: Ask) -> None:
        client = as_("operator")
        task = client.post("/tasks", json={"kind": "generate", "params": {"rows": 10}}).get_json()
        away = {"REMOTE_ADDR": "203.0.113.9"}
        named = {"Host": "waystation.example.com"}
        assert client.get(f"{task['self_url']}/pause", environ_overrides=away, headers=named).status_code == 200
        ahead = {**named, "Sec-Purpose": "prefetch"}
        assert client.get(f"{task['self_url']}/resume", environ_overrides=away, headers=ahead).status_code == 403
        assert client.head(f"{task['self_url']}/resume").status_code == 405


class TestGroups:
    """A kind or a dataset for some groups only is not there for others."""

    @pytest.fixture
    def groups(self, house: House, tokens: dict[str, str]) -> None:
        house.gate.restrict("dataset", "salaries", ["payroll"], actor="root")
        house.gate.restrict("kind", "generate", ["makers"], actor="root")
        for name, group in (("pay", "payroll"), ("maker", "makers")):
            tokens[name] = house.gate.create(name, Role.OPERATOR, groups=[group], actor="root")[1]

    def test_neither_its_tasks_nor_its_rows_are_there(
        self, house: House, as_: Ask, groups: None, start_worker: StartWorker
    ) -> None:
        start_worker()
        rows = b"name,pay\nada,100\n"
        sent = as_("pay").post("/tasks/upload", data={"file": (io.BytesIO(rows), "a.csv"), "dataset": "salaries"})
        task = sent.get_json()
        wait_until(lambda: as_("pay").get(task["self_url"]).get_json()["complete"], 30)
        for name in ("pay", "root"):
            assert as_(name).get("/datasets/salaries/preview").get_json()["rows"] == [["ada", "100"]]
            assert [t["task_id"] for t in as_(name).get("/tasks/").get_json()["tasks"]] == [task["task_id"]]
        for name in ("manager", "operator", "viewer", "maker"):
            client = as_(name)
            assert client.get("/tasks/").get_json()["tasks"] == []
            assert client.get("/datasets").get_json()["datasets"] == []
            assert "salaries" not in client.get("/", headers={"Accept": "text/html"}).text
            for path in ("", "/events", "/result", "/rejects", "/rate", "/undo/ask"):
                assert code(client.get(f"{task['self_url']}{path}")) == (404, "task-not-found")
            for path in ("", "/batches", "/preview"):
                assert code(client.get(f"/datasets/salaries{path}")) == (404, "dataset-not-found")
        manager = as_("manager")
        assert code(manager.post(f"{task['self_url']}/undo")) == (404, "task-not-found")
        assert manager.post("/tasks/verbs", json={"verb": "undo", "filter": {"kind": "import"}}).get_json()["outcomes"] == []
        assert code(manager.post("/tasks/download", json={"dataset": "salaries"})) == (404, "dataset-not-found")
        again = {"file": (io.BytesIO(rows), "a.csv"), "dataset": "salaries"}
        assert code(manager.post("/tasks/upload", data=again)) == (404, "dataset-not-found")
        house.gate.restrict("dataset", "salaries", [], actor="root")
        assert as_("manager").get(task["self_url"]).status_code == 200

    def test_nor_is_a_kind(self, as_: Ask, groups: None) -> None:
        sent = {"kind": "generate", "params": {"rows": 10}}
        assert as_("maker").post("/tasks", json=sent).status_code == 202
        client = as_("manager")
        assert code(client.post("/tasks", json=sent)) == (404, "kind-not-found")
        assert code(client.get("/kinds/generate")) == (404, "kind-not-found")
        assert "generate" not in [k["name"] for k in client.get("/kinds").get_json()["kinds"]]
        assert client.get("/tasks/").get_json()["tasks"] == []


def test_somebody_else_s_upload_can_be_neither_looked_at_nor_imported(house: House, as_: Ask) -> None:
    with house.control.receive("a.csv", actor="ann") as writer:
        writer.write(b"a\n1\n")
        upload = writer.commit()
    sent = {"kind": "import", "params": {"upload": str(upload.id)}}
    assert code(as_("operator").post("/tasks", json=sent)) == (404, "upload-not-found")
    assert as_("manager").post("/tasks", json=sent).status_code == 202


def test_an_idempotency_key_gives_nobody_s_task_away(as_: Ask) -> None:
    sent: dict[str, Any] = {"json": {"kind": "generate", "params": {"rows": 10}}, "headers": {"Idempotency-Key": "k"}}
    assert as_("manager").post("/tasks", **sent).status_code == 202
    assert code(as_("operator").post("/tasks", **sent)) == (422, "idempotency-key-reused")


def test_a_live_stream_tells_what_its_token_may_see_and_ends_with_it(house: House, tokens: dict[str, str]) -> None:
    house.gate.restrict("kind", "generate", ["makers"], actor="root")
    served = Served(house.settings.model_copy(update={"port": 0}))
    try:
        with served.listen(Authorization=f"Bearer {tokens['viewer']}") as stream:
            assert stream.status == 200
            house.control.submit("generate", {"rows": 1}, actor="ann")
            with house.control.receive("a.csv", actor="ann") as writer:
                writer.write(b"a\n1\n")
                upload = writer.commit()
            seen, _ = house.control.submit("import", {"upload": str(upload.id)}, actor="ann")
            told = [t["task_id"] for t in json.loads(next_event(stream)["data"])]
            assert told == [str(seen.id)]
            house.gate.revoke("viewer", actor="root")
            while stream.readline():  # it ends; else this read would wait for ever, and its connection time out
                pass
    finally:
        served.end()
