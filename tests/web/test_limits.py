"""Limits over HTTP: set, listed, taken away, and refused when they are nonsense."""

from __future__ import annotations

from flask.testing import FlaskClient


def test_a_limit_is_set_listed_and_taken_away(client: FlaskClient) -> None:
    answer = client.put("/limits/kind/import", json={"running": 2, "reason": "slow disk"}, headers={"X-Actor": "op"})
    assert answer.status_code == 200
    [limit] = client.get("/limits").get_json()["limits"]
    assert (limit["scope"], limit["name"], limit["running"], limit["held"]) == ("kind", "import", 2, False)
    assert (limit["reason"], limit["set_by"]) == ("slow disk", "op")
    assert client.delete("/limits/kind/import").get_json() == {"limits": []}


def test_a_held_queue_says_so(client: FlaskClient) -> None:
    [limit] = client.put("/limits/queue/default", json={"held": True}).get_json()["limits"]
    assert limit["held"] is True


def test_nonsense_is_refused(client: FlaskClient) -> None:
    for path, body, status, code in (
        ("/limits/color/red", {"held": True}, 422, "invalid-request"),
        ("/limits/kind/no.such", {"held": True}, 404, "kind-not-found"),
        ("/limits/kind/import", {"running": -1}, 422, "invalid-request"),
        ("/limits/kind/import", {"running": 2**31}, 422, "invalid-request"),
        ("/limits/kind/import", {"runing": 1}, 422, "invalid-request"),
    ):
        answer = client.put(path, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.get_json()
        assert answer.content_type == "application/problem+json"
