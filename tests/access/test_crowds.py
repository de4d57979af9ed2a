"""Too many, too often: each limit has its own error, says when to come again, and holds nobody else up."""

from __future__ import annotations

import io
from dataclasses import replace

from flask.testing import FlaskClient

from tests.access.test_tokens import code
from waystation.access import Role
from waystation.control import Control
from waystation.web.app import create_app
from waystation.web.crowds import WRONG_TOKENS
from waystation.wiring import House

GENERATE = {"kind": "generate", "params": {"rows": 1}}


def with_limits(house: House, **given: int) -> House:
    """The house with other settings."""
    settings = house.settings.model_copy(update=given)
    control = Control(house.database, house.registry, house.files, house.bell, settings)
    return replace(house, settings=settings, control=control)


def show(client: FlaskClient, secret: str) -> FlaskClient:
    """The client shows this token."""
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def test_who_asks_too_often_waits_and_nobody_else(house: House) -> None:
    app = create_app(with_limits(house, requests_per_minute=20))
    ann, bob = (show(app.test_client(), house.gate.create(n, Role.VIEWER, actor="test")[1]) for n in ("ann", "bob"))
    answers = [ann.get("/me") for _ in range(45)]  # a minute may end among them
    refused = [a for a in answers if a.status_code == 429]
    assert len(answers) - len(refused) in (20, 40)
    assert code(refused[0]) == (429, "too-many-requests")
    assert int(refused[0].headers["Retry-After"]) > 0
    assert bob.get("/me").status_code == 200


def test_wrong_tokens_are_not_tried_for_ever(house: House) -> None:
    app = create_app(house)
    right = house.gate.create("ann", Role.VIEWER, actor="test")[1]
    statuses = [show(app.test_client(), f"wrong{n}").get("/me").status_code for n in range(2 * WRONG_TOKENS + 5)]
    assert statuses[0] == 401
    assert 429 in statuses
    assert show(app.test_client(), right).get("/me").status_code == 200


def test_one_person_s_waiting_tasks(house: House) -> None:
    client = create_app(with_limits(house, tasks_per_actor=2)).test_client()
    sent = [client.post("/tasks", json=GENERATE, headers={"X-Actor": "ann"}) for _ in range(3)]
    assert [a.status_code for a in sent] == [202, 202, 429]
    assert code(sent[2]) == (429, "too-many-tasks")
    assert client.post("/tasks", json=GENERATE, headers={"X-Actor": "bob"}).status_code == 202
    assert client.post(f"{sent[0].get_json()['self_url']}/stop").status_code == 200
    assert client.post("/tasks", json=GENERATE, headers={"X-Actor": "ann"}).status_code == 202


def test_a_full_queue_keeps_nothing_of_what_it_refuses(house: House) -> None:
    client = create_app(with_limits(house, queue_length=1)).test_client()
    assert client.post("/tasks", json=GENERATE).status_code == 202
    refused = client.post("/tasks/upload", data={"file": (io.BytesIO(b"a\n1\n"), "a.csv")})
    assert code(refused) == (503, "queue-full")
    with house.database.transaction() as connection:
        assert connection.execute("SELECT count(*) AS n FROM uploads").fetchone() == {"n": 0}
