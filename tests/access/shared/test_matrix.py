"""Role x operation x owner: the decisions stand here a second time, in full, and every operation of the document has one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.wrappers import Response

from tests.access.conftest import Ask
from waystation.web.app import operations
from waystation.web.examples import FILE, SAMPLE, example_of
from waystation.web.operations import Operation
from waystation.wiring import House

ANY, SEE, OPERATE, MANAGE, ADMIN = "whoever asks", "viewer", "operator", "manager", "admin"
OWN = "operator, or manager of others'"
DECIDED = {
    "DELETE /limits/{scope}/{name}": MANAGE,
    "DELETE /schedules/{name}": OPERATE,
    "DELETE /tasks/{task_id}/data": ADMIN,
    "DELETE /tokens/{name}": ADMIN,
    "DELETE /uploads/{upload_id}": OWN,
    "DELETE /webhooks/{name}": ADMIN,
    "GET /audit": ADMIN,
    "GET /datasets": SEE,
    "GET /datasets/{name}": SEE,
    "GET /datasets/{name}/batches": SEE,
    "GET /datasets/{name}/estimate": SEE,
    "GET /datasets/{name}/preview": SEE,
    "GET /docs": ANY,
    "GET /docs/errors": ANY,
    "GET /events": SEE,
    "GET /healthz": ANY,
    "GET /kinds": SEE,
    "GET /kinds/{name}": SEE,
    "GET /limits": SEE,
    "GET /me": SEE,
    "GET /metrics": SEE,
    "GET /openapi.json": ANY,
    "GET /readyz": ANY,
    "GET /restrictions": ADMIN,
    "GET /schedules": SEE,
    "GET /schedules/{name}": SEE,
    "GET /tasks/": SEE,
    "GET /tasks/download": OPERATE,
    "GET /tasks/{task_id}": SEE,
    "GET /tasks/{task_id}/events": SEE,
    "GET /tasks/{task_id}/rate": SEE,
    "GET /tasks/{task_id}/rejects": SEE,
    "GET /tasks/{task_id}/result": SEE,
    "GET /tasks/{task_id}/{verb}": OWN,
    "GET /tasks/{task_id}/{verb}/ask": SEE,
    "GET /tokens": ADMIN,
    "GET /uploads/{upload_id}": OWN,
    "GET /uploads/{upload_id}/preview": OWN,
    "GET /webhooks": ADMIN,
    "GET /webhooks/{name}/deliveries": ADMIN,
    "GET /workers": SEE,
    "HEAD /uploads/{upload_id}": OWN,
    "OPTIONS /uploads": ANY,
    "PATCH /uploads/{upload_id}": OWN,
    "POST /tasks/": OPERATE,
    "POST /tasks/download": OPERATE,
    "POST /tasks/upload": OPERATE,
    "POST /tasks/verbs": OPERATE,
    "POST /tasks/{task_id}/link": SEE,
    "POST /tasks/{task_id}/{verb}": OWN,
    "POST /tokens": ADMIN,
    "POST /uploads": OPERATE,
    "POST /uploads/{upload_id}": OWN,
    "PUT /limits/{scope}/{name}": MANAGE,
    "PUT /restrictions/{scope}/{name}": ADMIN,
    "PUT /schedules/{name}": OPERATE,
    "PUT /webhooks/{name}": ADMIN,
}
PAGES = {
    "GET /": SEE,
    "GET /download": OPERATE,
    "POST /download": OPERATE,
    "GET /kinds/<name>/schedule": OPERATE,
    "GET /live": SEE,
    "GET /login": ANY,
    "GET /login/callback": ANY,
    "GET /login/provider": ANY,
    "GET /live/<task_id>": SEE,
    "GET /live/system": SEE,
    "GET /many": OPERATE,
    "GET /system": SEE,
    "GET /upload": OPERATE,
    "POST /kinds/<name>/schedule": OPERATE,
    "POST /kinds/<name>/start": OPERATE,
    "POST /login": ANY,
    "POST /logout": ANY,
    "POST /many": OPERATE,
    "POST /schedules/<name>": OPERATE,
    "POST /upload": OPERATE,
    "POST /uploads/<upload_id>/start": OWN,
    "POST /webhooks": ADMIN,
    "POST /webhooks/<name>": ADMIN,
}
ROLES = (None, "viewer", "operator", "manager", "root")
ENOUGH = {
    SEE: {"viewer", "operator", "manager", "root"},
    OPERATE: {"operator", "manager", "root"},
    MANAGE: {"manager", "root"},
    ADMIN: {"root"},
}
BY_NAME = {f"{op.method} {op.path.replace('<', '{').replace('>', '}')}": op for op in operations()}


@dataclass
class There:
    """What a request can be about, made anew for each: a task and an upload that is begun, of this owner."""

    task: str
    version: int
    upload: str


@pytest.fixture(scope="module")
def make(house: House) -> Any:
    """Make them."""

    def made(owner: str) -> There:
        task, _ = house.control.submit("generate", {"rows": 1000}, actor=owner)
        upload = house.resumable.announce(name=FILE, size=len(SAMPLE), metadata="", actor=owner)
        return There(str(task.id), task.version, str(upload.id))

    return made


def send(client: FlaskClient, op: Operation, there: There) -> Response:
    """The operation's example, about what is there."""
    example = example_of(op)
    places = {**example.places, "task_id": there.task, "upload_id": there.upload}
    path = op.path
    for name, value in places.items():
        path = path.replace(f"<{name}>", value)
    body: dict[str, Any] = {}
    if example.file == "multipart/form-data":
        body = {"data": {"file": (io.BytesIO(SAMPLE), FILE), **(example.body or {})}}
    elif example.file is not None:
        body = {"data": SAMPLE, "content_type": example.file}
    elif example.body is not None:
        body = {"json": {**example.body, **({"name": f"n{uuid4().hex}"} if op.path == "/tokens" else {})}}
    query = {name: value for name, value in example.query.items() if name != "wait"}
    with client.open(path, method=op.method, query_string=query, headers=example.headers, **body) as answer:
        return answer


def refused(answer: Response) -> bool:
    """For who asks, and for nothing else."""
    if answer.status_code in (401, 403):
        return True
    if answer.status_code != 404 or answer.mimetype != "application/problem+json":
        return False
    return not answer.data or answer.get_json()["code"] == "upload-not-found"  # the answer to a HEAD has no body


def may(role: str | None, decision: str, *, own: bool) -> bool:
    """What the decision says."""
    if decision == ANY:
        return True
    if decision == OWN:
        return role in ENOUGH[OPERATE] and (own or role in ENOUGH[MANAGE])
    return role in ENOUGH[decision]


def test_every_operation_of_the_document_has_a_decision(app: Flask) -> None:
    paths = app.test_client().get("/openapi.json").get_json()["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(DECIDED)


def test_every_page_has_a_decision(app: Flask) -> None:
    ours = {op.endpoint for op in operations()} | {"static"}
    rules = [r for r in app.url_map.iter_rules() if r.endpoint not in ours]
    assert {f"{m} {r.rule}" for r in rules for m in r.methods or () if m not in ("HEAD", "OPTIONS")} == set(PAGES)


@pytest.mark.parametrize("name", DECIDED)
def test_a_role_may_what_is_decided_and_nothing_else(house: House, as_: Ask, make: Any, name: str) -> None:
    op, decision = BY_NAME[name], DECIDED[name]
    for role in ROLES:
        for own in (True, False) if decision == OWN else (True,):
            there = make(role or "nobody") if own else make("somebody")
            answer = send(as_(role), op, there)
            wanted = may(role, decision, own=own)
            assert refused(answer) is not wanted, (role, "own" if own else "another's", answer.status, answer.data[:300])
            assert answer.status_code < 500 or name == "GET /readyz"
            if not wanted:
                assert house.control.get(there.task).version == there.version
                assert house.control.get(there.task).state == "queued"


@pytest.mark.parametrize("name", sorted(set(PAGES) - {"POST /login"}))  # that one answers 401 to a wrong token
def test_a_page_is_for_whom_it_is_decided(as_: Ask, make: Any, name: str) -> None:
    method, path = name.split()
    for role in ROLES:
        for own in (True, False) if PAGES[name] == OWN else (True,):
            there = make(role or "nobody") if own else make("somebody")
            address = path.replace("<task_id>", there.task).replace("<upload_id>", there.upload).replace("<name>", "generate")
            with as_(role).open(address, method=method, query_string={"verb": "pause", "id": there.task}) as answer:
                allowed = may(role, PAGES[name], own=own)
            assert refused(answer) is not allowed, (role, own, answer.status)


def test_an_operation_that_says_nothing_of_its_caller_fails_at_import() -> None:
    from waystation.web.operations import Guarded, Room

    with pytest.raises(TypeError, match="needs"):
        Room("new", __name__).operation("GET", "/new", "New")(lambda: "")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"needs=Need\.SEE"):
        Guarded("page", __name__).get("/page")(lambda: "")


def test_many_tasks_are_acted_on_as_one_by_one(house: House, as_: Ask, make: Any) -> None:
    own, other = make("operator"), make("somebody")
    asked = {"verb": "pause", "filter": {"kind": "generate"}}
    outcomes = as_("operator").post("/tasks/verbs", json=asked).get_json()["outcomes"]
    became = {o["task_id"]: (o["changed"], (o["error"] or {}).get("code")) for o in outcomes}
    assert became[own.task] == (True, None)
    assert became[other.task] == (False, "not-allowed")
    assert house.control.get(other.task).state == "queued"
    as_("manager").post("/tasks/verbs", json=asked)
    assert house.control.get(other.task).state == "paused"
