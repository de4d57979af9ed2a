"""The reference's examples: every operation has one, each is sent as its curl line says, and HTTPie's line says the same."""

from __future__ import annotations

import argparse
import gc
import io
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from httpie.context import Environment
from httpie.core import main as run_httpie

from tests.web.conftest import end_of
from waystation.web.app import create_app, operations
from waystation.web.current import doorstep_of
from waystation.web.examples import FILE, SAMPLE, TASK, UPLOAD, example_of
from waystation.web.operations import Operation
from waystation.web.snippets import HOST, curl, httpie
from waystation.web.tus import BODY
from waystation.wiring import House

TOWN = {"webhook_networks": ("127.0.0.0/8", "192.0.2.0/24")}  # what webhooks of the examples may name
OPERATIONS = operations()
NAMES = [f"{op.method} {op.path}" for op in OPERATIONS]


@dataclass(frozen=True)
class Sent:
    """A request as a line for the shell says it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, str]
    body: bytes


def of_curl(line: str) -> Sent:
    """What curl would send."""
    read = argparse.ArgumentParser()
    read.add_argument("--request")
    read.add_argument("--head", action="store_true")
    read.add_argument("--no-buffer", action="store_true")
    read.add_argument("--header", action="append", default=[])
    read.add_argument("--form", action="append", default=[])
    read.add_argument("--data")
    read.add_argument("--data-binary")
    read.add_argument("url")
    program, *words = shlex.split(line)
    assert program == "curl"
    given = read.parse_args(words)
    parts = urlsplit(given.url)
    assert given.url.startswith(HOST)
    carries = given.data or given.data_binary or given.form
    method = given.request or ("HEAD" if given.head else "POST" if carries else "GET")
    assert given.data_binary in (None, f"@{FILE}")
    body = SAMPLE if given.data_binary else (given.data or "").encode()
    headers = dict(header.split(": ", 1) for header in given.header)
    return Sent(method, parts.path, parse_qs(parts.query), headers, dict(f.split("=", 1) for f in given.form), body)


@pytest.fixture(scope="module")
def app(town: House) -> Iterator[Flask]:
    """The application, open whatever happens: an example makes a token, which would close the door to those after it."""
    made = create_app(replace(town, settings=town.settings.model_copy(update={"insecure": True})))
    yield made
    doorstep_of(made).hub.close()


@pytest.fixture(scope="module")
def there(app: Any) -> Iterator[dict[str, str]]:
    """What the examples speak of: a dataset with an import (one row of it refused) and an export, and a task that is long."""
    client = app.test_client()
    rows = SAMPLE + b"cyd,old,2016-03-04\n"
    types = json.dumps({"age": "bigint"})
    sent = client.post("/tasks/upload", data={"file": (io.BytesIO(rows), FILE), "dataset": "people", "types": types})
    made = {"import": end_of(client, sent.get_json())["task_id"]}
    made["export"] = end_of(client, client.post("/tasks/download", json={"dataset": "people"}).get_json())["task_id"]
    made["long"] = client.post("/tasks", json={"kind": "generate", "params": {"rows": 50_000_000}}).get_json()["task_id"]
    nightly = {"kind": "generate", "params": {"rows": 10}, "cron": "0 3 * * *"}
    assert client.put("/schedules/nightly", json=nightly).status_code == 200
    assert client.put("/webhooks/chat", json={"url": "http://127.0.0.1:9/", "held": True}).status_code == 200
    yield made
    client.post(f"/tasks/{made['long']}/stop")


def real(client: FlaskClient, op: Operation, path: str, there: dict[str, str]) -> str:
    """The path with ids of what is there."""
    if op.path.startswith("/webhooks/<name>"):  # another example drops it
        assert client.put("/webhooks/chat", json={"url": "http://127.0.0.1:9/", "held": True}).status_code == 200
    task = "export" if path.endswith(("/result", "/link")) else "long" if op.path.endswith("/<verb>") else "import"
    if UPLOAD in path:
        example = next(o for o in OPERATIONS if (o.method, o.path) == ("POST", "/uploads"))
        whole = {"data": SAMPLE, "content_type": BODY} if op.path.endswith("/preview") else {}  # only what is here can be seen
        announced = client.post("/uploads", headers=example_of(example).headers, **whole)
        path = path.replace(UPLOAD, announced.get_json()["upload_id"])
    return path.replace(TASK, there[task])


@pytest.mark.parametrize("op", OPERATIONS, ids=NAMES)
def test_each_example_is_served(client: FlaskClient, there: dict[str, str], op: Operation) -> None:
    sent = of_curl(curl(op, example_of(op)))
    assert sent.method == op.method
    data: Any = sent.body
    if sent.form:
        assert sent.form.pop("file") == f"@{FILE}"
        data = {**sent.form, "file": (io.BytesIO(SAMPLE), FILE)}
    path = real(client, op, sent.path, there)
    response = client.open(path, method=sent.method, query_string=sent.query, headers=sent.headers, data=data, buffered=False)
    assert response.status_code in {a.status for a in op.answers if a.status < 300}, response.get_data(as_text=True)
    response.close()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # HTTPie leaves the file that it sends open
@pytest.mark.parametrize("op", OPERATIONS, ids=NAMES)
def test_httpie_says_the_same(op: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HTTPIE_CONFIG_DIR", str(tmp_path))
    Path(FILE).write_bytes(SAMPLE)
    example = example_of(op)
    wanted = of_curl(curl(op, example))
    program, *words = shlex.split(httpie(op, example, "localhost:5000"))
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    silent = io.StringIO()
    code = run_httpie(
        [program, "--offline", "--ignore-stdin", "--print=HB", *words],
        Environment(stdin=None, stdout=said, stderr=silent, stdout_isatty=False, program_name=program),
    )
    gc.collect()
    assert code == 0, silent.getvalue()
    said.flush()
    head, _, body = said.buffer.getvalue().partition(b"\r\n\r\n")
    first, *lines = head.decode().splitlines()
    method, url, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert (method, urlsplit(url).path, parse_qs(urlsplit(url).query)) == (wanted.method, wanted.path, wanted.query)
    assert {n.lower(): v for n, v in wanted.headers.items()}.items() <= headers.items()
    if wanted.form:
        assert headers["content-type"].startswith("multipart/form-data")
        assert SAMPLE in body
    elif headers.get("content-type") == "application/json":
        assert json.loads(body) == json.loads(wanted.body)
    else:
        assert body.rstrip() == wanted.body.rstrip()


def test_the_reference_shows_them(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    for op in OPERATIONS:
        path = op.path
        for name in example_of(op).places:
            path = path.replace(f"<{name}>", f"{{{name}}}")
        shown = document["paths"][path][op.method.lower()]
        assert [s["label"] for s in shown["x-codeSamples"]] == ["curl", "http"]
        for sample in shown["x-codeSamples"]:
            assert sample["source"] in shown["description"]
        for content in shown.get("requestBody", {}).get("content", {}).values():
            assert content.get("examples") or content["schema"].get("format") == "binary" or example_of(op).body is None
