"""A client on the application of the module's town: a real database, a real broker, a real worker."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

from tests.support import wait_until
from tests.web.serving import Serve, Served
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.wiring import House

PEOPLE = b"name,age,record_date\nada,36,2015-12-10\nbob,41,2016-01-02\ncyd,29,2017-06-30\n"


@pytest.fixture(scope="module")
def app(town: House) -> Iterator[Flask]:
    """The application of a house with a worker."""
    made = create_app(town)
    yield made
    doorstep_of(made).hub.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of that application."""
    return app.test_client()


@pytest.fixture
def serve_it(house: House) -> Iterator[Serve]:
    """Start servers on the test's house, each on a free port; they are ended with the test."""
    started: list[Served] = []

    def start(**given: Any) -> Served:
        started.append(Served(house.settings.model_copy(update={"port": 0, **given})))
        return started[-1]

    yield start
    for served in started:
        served.end()


def send(client: FlaskClient, data: bytes, name: str = "people.csv", headers: Any = None, **fields: str) -> TestResponse:
    """Upload as a browser does."""
    return client.post("/tasks/upload", data={"file": (io.BytesIO(data), name), **fields}, headers=headers)


def end_of(client: FlaskClient, task: dict[str, Any], timeout: float = 30) -> dict[str, Any]:
    """The task once it has ended."""

    def ended() -> dict[str, Any]:
        now: dict[str, Any] = client.get(f"{task['self_url']}?wait=5").get_json()
        return now if now["complete"] else {}

    return wait_until(ended, timeout)


def imported(client: FlaskClient, data: bytes = PEOPLE, **fields: str) -> dict[str, Any]:
    """An import that has succeeded."""
    response = send(client, data, **fields)
    assert response.status_code == 202, response.get_data(as_text=True)
    task = end_of(client, response.get_json())
    assert task["status"] == "succeeded", task
    return task


def problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """The problem that an answer is, checked for all that every problem has."""
    said: dict[str, Any] = response.get_json()
    assert (response.status_code, said.get("code")) == (status, code), said
    assert response.mimetype == "application/problem+json"
    assert said["type"] == f"/docs/errors#{code}"
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    assert said["remedy"]
    return said
