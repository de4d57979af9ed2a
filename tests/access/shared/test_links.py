"""Links that carry their own permission."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask

from tests.access.conftest import Ask
from tests.support import at_state
from waystation.access import Role
from waystation.model import State, Task
from waystation.web import links
from waystation.wiring import House


@pytest.fixture(scope="module")
def house(town: House) -> House:
    """A house with a worker."""
    return town


@pytest.fixture(scope="module")
def made(house: House) -> Task:
    """A task with a result file."""
    task, _ = house.control.submit("generate", {"rows": 10}, actor="ann")
    return at_state(house, task, State.SUCCEEDED)


def test_it_opens_its_file_and_nothing_else(app: Flask, as_: Ask, made: Task) -> None:
    answer = as_("viewer").post(f"/tasks/{made.id}/link", json={"seconds": 60})
    assert answer.status_code == 201
    url = answer.get_json()["url"]
    stranger = app.test_client()
    with stranger.get(url) as file:
        assert (file.status_code, file.data.count(b"\n")) == (200, 11)
    query = urlsplit(url).query
    assert stranger.get(f"/tasks/{made.id}/rejects?{query}").get_json()["code"] == "wrong-link"
    assert stranger.get(f"/tasks/{made.id}?{query}").status_code == 401
    assert stranger.get("/tasks/").status_code == 401
    assert as_(None).post(f"/tasks/{made.id}/link").status_code == 401


@pytest.mark.parametrize("field", ["expires", "by", "signature"])
@pytest.mark.parametrize("value", ["", "77", "99999999999", "x", "\N{SNOWMAN}"])
def test_a_changed_one_opens_nothing(app: Flask, as_: Ask, made: Task, field: str, value: str) -> None:
    url = urlsplit(as_("viewer").post(f"/tasks/{made.id}/link").get_json()["url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    changed = app.test_client().get(f"{url.path}?{urlencode({**query, field: value})}")
    assert (changed.status_code, changed.get_json()["code"]) == (403, "wrong-link")


def test_it_ends(app: Flask, house: House, made: Task) -> None:
    caller = house.gate.caller(house.gate.create("short", Role.VIEWER, actor="test")[1])
    path = f"/tasks/{made.id}/result"
    ended, _ = links.signed(house.gate, path, caller=caller, seconds=-2)
    assert "ended" in app.test_client().get(ended).get_json()["detail"]
    url, _ = links.signed(house.gate, path, caller=caller, seconds=60)
    with app.test_client().get(url) as file:
        assert file.status_code == 200
    house.gate.revoke("short", actor="test")
    assert app.test_client().get(url).get_json()["code"] == "wrong-link"


def test_a_task_without_a_file_has_none(house: House, as_: Ask) -> None:
    task, _ = house.control.submit("generate", {"rows": 50_000_000}, actor="ann")
    assert as_("viewer").post(f"/tasks/{task.id}/link").get_json()["code"] == "no-result"
