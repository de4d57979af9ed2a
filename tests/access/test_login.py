"""The page with tokens: a login by cookie, what may be done with it, and that no other site's page can use it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from waystation.wiring import House

HTML = {"Accept": "text/html"}
OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


def log_in(app: Flask, secret: str, **more: str) -> tuple[FlaskClient, TestResponse]:
    """A browser, after it sent the form."""
    client = app.test_client()
    return client, client.post("/login", data={"token": secret, **more}, headers={**HTML, **OURS})


def test_who_has_no_login_is_led_to_it_and_back(app: Flask, tokens: dict[str, str]) -> None:
    stranger = app.test_client()
    sent_on = stranger.get("/?state=failed", headers=HTML)
    assert (sent_on.status_code, sent_on.location) == (303, "/login?next=%2F%3Fstate%3Dfailed")
    form = stranger.get(sent_on.location, headers=HTML)
    assert '<input type="hidden" name="next" value="/?state=failed">' in form.text
    client, answer = log_in(app, tokens["operator"], next="/?state=failed")
    assert (answer.status_code, answer.location) == (303, "/?state=failed")
    page = client.get("/", headers=HTML)
    assert "operator, operator" in page.text
    assert client.get("/me").get_json()["name"] == "operator"


def test_the_cookie_is_out_of_reach(house: House, app: Flask, tokens: dict[str, str]) -> None:
    _, answer = log_in(app, tokens["viewer"])
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-waystation=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    with house.database.transaction() as connection:
        rows = connection.execute("SELECT s::text AS row, expires_at FROM sessions s").fetchall()
    assert not any(value in r["row"] for r in rows)
    assert all(r["expires_at"] > datetime.now(UTC) for r in rows)


def test_a_wrong_token_is_told_on_the_form(app: Flask, tokens: dict[str, str]) -> None:
    client, answer = log_in(app, "ws_nonsense")
    assert answer.status_code == 401
    assert "misspelt" in answer.text
    assert "ws_nonsense" not in answer.text
    assert client.get("/me").status_code == 401


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_nobody_is_led_elsewhere(app: Flask, tokens: dict[str, str], wanted: str) -> None:
    _, answer = log_in(app, tokens["viewer"], next=wanted)
    assert answer.location == "/"


class TestForgery:
    """A request with the cookie changes something only if a page of ours sent it."""

    @pytest.mark.parametrize(
        ("headers", "allowed"),
        [
            (OURS, True),
            ({"Origin": "http://localhost"}, True),
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({}, False),
            ({"Origin": "null"}, False),
            ({"Sec-Fetch-Site": "none"}, False),
            ({"Sec-Fetch-Site": "cross-site"}, False),
            ({"Sec-Fetch-Site": "same-site"}, False),
            ({"Origin": "http://evil.example"}, False),
            ({"Origin": "http://localhost:8000"}, False),
        ],
        ids=str,
    )
    def test_it_must_say_where_it_comes_from(
        self, house: House, app: Flask, tokens: dict[str, str], headers: dict[str, str], allowed: bool
    ) -> None:
        client, _ = log_in(app, tokens["operator"])
        task, _ = house.control.submit("generate", {"rows": 10}, actor="operator")
        requests: list[Any] = [
            (f"/tasks/{task.id}/pause", {"data": {"reason": "x"}}),
            ("/tasks", {"json": {"kind": "generate", "params": {"rows": 1}}}),
            ("/kinds/generate/start", {"data": {"rows": "1"}}),
        ]
        for address, body in requests:
            assert (client.post(address, headers=headers, **body).status_code == 403) is not allowed, address
        assert (house.control.get(task.id).state == "paused") is allowed

    def test_a_followed_link_acts_for_no_login(self, house: House, app: Flask, tokens: dict[str, str]) -> None:
        client, _ = log_in(app, tokens["operator"])
        task, _ = house.control.submit("generate", {"rows": 10}, actor="operator")
        assert client.get(f"/tasks/{task.id}/stop").status_code == 403
        assert client.get("/tasks/download").status_code == 403
        assert house.control.get(task.id).state == "queued"


def test_a_login_ends_by_itself_by_hand_and_with_its_token(house: House, app: Flask, tokens: dict[str, str]) -> None:
    client, answer = log_in(app, tokens["viewer"])
    kept = answer.headers["Set-Cookie"].partition(";")[0]
    assert client.post("/logout", headers={**HTML, **OURS}).status_code == 303
    assert client.get("/me").status_code == 401
    assert app.test_client().get("/me", headers={"Cookie": kept}).status_code == 401, "a copy of the cookie is no use either"
    client, _ = log_in(app, tokens["viewer"])
    house.gate.revoke("viewer", actor="root")
    assert client.get("/me").status_code == 401
    client, _ = log_in(app, tokens["manager"])
    with house.database.transaction() as connection:
        connection.execute("UPDATE sessions SET expires_at = now()")
    house.gate.restrict("kind", "generate", [], actor="root")  # what is remembered for a second is forgotten
    assert client.get("/me").status_code == 401


def test_a_script_of_ours_is_told_to_go_to_the_login(app: Flask, tokens: dict[str, str]) -> None:
    headers = {**HTML, "HX-Request": "true", "HX-Current-URL": "http://localhost/system?x=1"}
    answer = app.test_client().get("/", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=%2Fsystem")


def test_a_login_that_has_ended_says_so_where_something_is_sent(app: Flask, tokens: dict[str, str]) -> None:
    stranger = app.test_client()
    for headers in ({**HTML, **OURS}, {**HTML, **OURS, "HX-Request": "true"}):
        answer = stranger.post("/kinds/generate/start", data={"rows": "5"}, headers=headers)
        assert (answer.status_code, answer.mimetype) == (401, "text/html")
        assert "Your login has ended, and nothing was changed." in answer.text
        assert 'href="/login" target="_blank"' in answer.text
    assert stranger.post("/tasks", json={"kind": "generate"}).get_json()["code"] == "token-needed"
