"""Kinds, workers, datasets, probes, and what the API says of itself."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from tests.web.conftest import imported, problem
from waystation.errors import table
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.web.page import ROOMS as PAGES
from waystation.wiring import House, open_house


def test_kinds_come_with_their_schema(client: FlaskClient) -> None:
    kinds = {k["name"]: k for k in client.get("/kinds").get_json()["kinds"]}
    assert {"import", "export", "generate"} <= set(kinds)
    assert "dataset" in kinds["import"]["params"]["properties"]
    assert kinds["import"]["changeable"] == ["max_errors"]


def test_a_dataset_shows_its_columns_batches_and_rows(client: FlaskClient) -> None:
    task = imported(client, dataset="shown")
    assert "shown" in [d["name"] for d in client.get("/datasets").get_json()["datasets"]]
    dataset = client.get("/datasets/shown").get_json()
    assert dataset["rows"] == 3
    assert {"name": "age", "type": "bigint", "why": "all 3 sampled values are whole numbers"} in dataset["columns"]
    (batch,) = client.get("/datasets/shown/batches").get_json()["batches"]
    assert (batch["task_id"], batch["rows"], batch["visible"]) == (task["task_id"], 3, True)
    preview = client.get("/datasets/shown/preview?limit=2").get_json()
    assert preview == {
        "columns": ["name", "age", "record_date"],
        "rows": [["ada", "36", "2015-12-10"], ["bob", "41", "2016-01-02"]],
    }


def test_workers_are_counted(client: FlaskClient) -> None:
    said = client.get("/workers").get_json()
    assert said["slots"] == 2
    assert len(said["workers"]) == 1


def test_ready_with_every_part_there(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.get_json()["status"]) == (200, "ready")


def test_not_ready_without_a_worker_and_the_answer_names_it(house: House) -> None:
    client = create_app(house).test_client()
    said = problem(client.get("/readyz"), 503, "unavailable")
    assert "worker" in said["detail"]
    assert said["parts"]["database"] == "ok"
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz?parts=database,broker").get_json()["parts"] == {"database": "ok", "broker": "ok"}
    problem(client.get("/readyz?parts=worker"), 503, "unavailable")
    assert "database|broker|worker" in problem(client.get("/readyz?parts=wheel"), 422, "invalid-request")["detail"]


def test_a_database_that_does_not_answer_is_said_so_and_may_be_asked_again(house: House) -> None:
    settings = house.settings.model_copy(update={"database_url": "host=127.0.0.1 port=1 dbname=none user=none"})
    app = create_app(lambda: open_house(settings, migrating=False))
    client = app.test_client()
    response = client.get("/tasks/")
    problem(response, 503, "database-unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    doorstep_of(app).close()


def test_an_unexpected_error_is_a_problem_and_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(house)

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError("told to")

    said = problem(app.test_client().get("/broken"), 500, "internal")
    assert "told to" not in said["detail"]
    assert "ZeroDivisionError: told to" in caplog.text


def test_the_reference_is_valid_and_has_every_route_and_every_parameter(app: Flask, client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    validate(document, cls=OpenAPIV31SpecValidator)
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] not in {"static", *(room.name for room in PAGES)}
    }
    # Flask answers HEAD and OPTIONS everywhere; the reference names them where they say something of their own.
    told = {
        (path, method) for path, methods in document["paths"].items() for method in methods if method not in ("head", "options")
    }
    assert told == routes
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            names = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert names == set(re.findall(r"{(\w+)}", path))
    codes = {e.code for e in table()}
    named = set(
        re.findall(
            r"`([a-z-]+)`",
            " ".join(
                r["description"]
                for m in document["paths"].values()
                for o in m.values()
                for s, r in o["responses"].items()
                if s[0] in "45"
            ),
        )
    )
    assert named <= codes


def test_a_task_is_as_the_reference_says(client: FlaskClient) -> None:
    task = imported(client, dataset="told")
    schema = client.get("/openapi.json").get_json()["components"]["schemas"]["TaskOut"]
    assert set(task) == set(schema["properties"]) == set(schema["required"])
    assert set(task["progress"]) == {"done", "total", "unit", "percent", "rate", "eta", "phase"}


def test_the_page_of_errors_has_an_anchor_for_each(client: FlaskClient) -> None:
    page = client.get("/docs/errors").get_data(as_text=True)
    for error in table():
        assert f'id="{error.code}"' in page


def test_the_reference_page_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert sources
    assert all(s.startswith("/") and not s.startswith("//") for s in sources)
    for source in sources:
        with client.get(source) as response:
            assert response.status_code == 200, source
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_every_answer_carries_the_safe_headers(client: FlaskClient) -> None:
    for path in ("/", "/tasks/", "/nowhere", "/docs", "/static/page.css"):
        with client.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["Referrer-Policy"] == "same-origin"
