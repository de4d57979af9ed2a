"""A kind of ten lines has all that the built-in ones have: form, schema, progress, every verb, timeline, retry."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from pydantic import BaseModel

from tests.support import wait_until
from tests.web.test_page import BROWSER
from waystation.sdk import Context, Steps, task

TOWN = {"kinds": ("tests.web.test_ten_lines",)}


class CopyParams(BaseModel):
    path: str
    limit: int = 10**9


@task("lines.copy", unit="lines", undoable=True)
def copy(ctx: Context, params: CopyParams, cursor: int = 0) -> Steps:
    out = ctx.open_result("copy.txt", "text/plain")
    for line in ctx.each(open(params.path).readlines()[: params.limit], cursor):  # noqa: SIM115
        out.write(line.encode())
        yield ctx.checkpoint()


LINES = [f"line {n}\n" for n in range(2000)]


def begin(client: FlaskClient, path: Path, **params: object) -> Any:
    made = client.post("/tasks", json={"kind": "lines.copy", "params": {"path": str(path), **params}})
    assert made.status_code == 202, made.get_json()
    return made.get_json()


def at(client: FlaskClient, task: Any, *statuses: str) -> Any:
    def there() -> Any:
        now = client.get(task["self_url"]).get_json()
        assert now["status"] in statuses or not now["complete"], now
        return now if now["status"] in statuses else None

    return wait_until(there, timeout=60)


def verb(client: FlaskClient, task: Any, name: str) -> Any:
    answer = client.post(f"{task['self_url']}/{name}", json={"reason": f"to {name}"})
    assert answer.status_code in (200, 202), answer.get_json()
    return answer.get_json()


def file_of(client: FlaskClient, task: Any) -> str:
    with client.get(f"{task['self_url']}/result") as answer:
        return answer.get_data(as_text=True)


def test_it_has_ten_lines() -> None:
    lines = inspect.getsource(CopyParams) + inspect.getsource(copy.run)
    assert len([line for line in lines.splitlines() if line.strip()]) <= 10


def test_a_form_and_a_schema(client: FlaskClient) -> None:
    schema = client.get("/kinds/lines.copy").get_json()["params"]
    assert (schema["required"], schema["properties"]["limit"]["type"]) == (["path"], "integer")
    form = client.get("/kinds/lines.copy", headers=BROWSER).get_data(as_text=True)
    assert re.search(r'name="path"[^>]*required', form)
    assert re.search(r'name="limit" type="number"', form)
    wrong = client.post("/tasks", json={"kind": "lines.copy", "params": {"limit": "many"}})
    assert wrong.status_code == 422
    assert {f["field"] for f in wrong.get_json()["fields"]} == {"path", "limit"}


def test_progress_every_verb_and_the_timeline(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(LINES))
    task = begin(client, tmp_path / "long.txt")
    verb(client, task, "pause")
    paused = at(client, task, "paused")
    assert paused["progress"]["done"] < len(LINES)
    assert paused["progress"]["unit"] == "lines"
    verb(client, task, "resume")
    done = at(client, task, "succeeded")
    assert (done["progress"]["done"], done["progress"]["total"], done["progress"]["percent"]) == (2000, 2000, 100)
    assert file_of(client, task) == "".join(LINES)
    verb(client, task, "undo")
    at(client, task, "undone")
    told = client.get(f"{task['self_url']}/events").get_json()["events"]
    assert [e["reason"] for e in told if (e["reason"] or "").startswith("to ")] == ["to pause", "to resume", "to undo"]

    for name, end in (("stop", "stopped"), ("terminate", "terminated")):
        task = begin(client, tmp_path / "long.txt")
        verb(client, task, name)
        at(client, task, end)
        assert client.get(f"{task['self_url']}/result").status_code == 404


def test_a_retry_goes_on(client: FlaskClient, tmp_path: Path) -> None:
    task = begin(client, tmp_path / "later.txt", limit=3)
    failed = at(client, task, "failed")
    assert "FileNotFoundError" in failed["error"]["detail"]
    assert "retry" in failed["links"]
    (tmp_path / "later.txt").write_text("".join(LINES))
    verb(client, task, "retry")
    at(client, task, "succeeded")
    assert file_of(client, task) == "".join(LINES[:3])
