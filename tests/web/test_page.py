"""The first page, without JavaScript: what a person sees and can press."""

from __future__ import annotations

import html
import io
import re
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient

from tests.support import wait_until
from tests.web.conftest import PEOPLE, end_of, imported
from waystation.web.pages.home import PER_PAGE

TOWN = {"kinds": "tests.kinds"}
BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Sec-Fetch-Site": "same-origin",
    "Origin": "http://localhost",
    "Referer": "http://localhost/?state=running",
}


def row_of(page: str, task: dict[str, Any]) -> str:
    """The part of the page that tells of one task."""
    found: list[str] = re.findall(rf'<li id="row-{task["task_id"]}".*?</li>', page, re.DOTALL)
    assert len(found) == 1
    return found[0]


def buttons(text: str) -> set[str]:
    """What the buttons of a piece of page do to a task, at once or after they have asked."""
    return set(re.findall(r'(?:action|href)="(/tasks/[^"/]+/[a-z]+)(?:/ask)?"', text)) - set(
        re.findall(r'<a class="file.*?href="([^"]+)"', text)
    )


def test_an_empty_house_says_what_to_do(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER)
    assert page.mimetype == "text/html"
    assert "Nothing has been started yet" in page.get_data(as_text=True)
    assert "No task fits" in client.get("/?dataset=none_yet", headers=BROWSER).get_data(as_text=True)


def test_a_form_uploads_and_leads_to_its_task(client: FlaskClient) -> None:
    form = {"file": (io.BytesIO(PEOPLE), "p.csv"), "dataset": "formed", "delimiter": "", "on_error": "", "max_errors": ""}
    response = client.post("/tasks/upload", data=form, headers=BROWSER)
    task = client.get("/tasks/?dataset=formed").get_json()["tasks"][0]
    assert (response.status_code, response.headers["Location"]) == (303, task["self_url"])
    end_of(client, task)
    row = row_of(client.get("/", headers=BROWSER).get_data(as_text=True), task)
    assert "succeeded" in row
    assert buttons(row) == {f"{task['self_url']}/undo"}

    response = client.post("/tasks/download", data={"dataset": "formed", "from": "", "till": "", "by": ""}, headers=BROWSER)
    assert response.status_code == 303
    made = end_of(client, client.get("/tasks/?dataset=formed&kind=export").get_json()["tasks"][0])
    assert f'href="{made["result"]["url"]}"' in client.get("/", headers=BROWSER).get_data(as_text=True)


def test_the_buttons_are_the_verbs_that_are_possible(client: FlaskClient) -> None:
    task = client.post("/tasks", json={"kind": "test.count", "params": {"steps": 5000}}).get_json()
    wait_until(lambda: client.get(task["self_url"]).get_json()["status"] == "running", 20)
    while True:
        now = client.get(task["self_url"]).get_json()
        for address in ("/", task["self_url"]):
            page = client.get(address, headers=BROWSER).get_data(as_text=True)
            shown = buttons(row_of(page, task) if address == "/" else page)
            assert shown == set(now["links"].values())
        if now["status"] != "running":
            break
        row = row_of(client.get("/", headers=BROWSER).get_data(as_text=True), task)
        assert "<progress" in row
        pressed = client.post(now["links"]["pause"], data={"reason": "tea"}, headers=BROWSER)
        assert pressed.status_code == 303
        wait_until(lambda: client.get(task["self_url"]).get_json()["status"] == "paused", 20)
    client.post(f"{task['self_url']}/stop", headers=BROWSER)
    assert end_of(client, task)["status"] == "stopped"
    page = client.get(task["self_url"], headers=BROWSER).get_data(as_text=True)
    assert "tea" in page
    assert buttons(page) == set()


def test_a_form_never_leads_to_another_site(client: FlaskClient) -> None:
    for referer in ("https://elsewhere.example/x", "http://localhost//elsewhere.example", "", "http://localhost:99/x"):
        headers = {**BROWSER, "Referer": referer}
        fields = {"file": (io.BytesIO(PEOPLE), "p.csv"), "dataset": "led", "allow_duplicate": "true"}
        response = client.post("/tasks/upload", data=fields, headers=headers)
        assert response.status_code == 303
        assert re.fullmatch(r"/tasks/[0-9a-f-]{36}", response.headers["Location"])


def test_what_went_wrong_is_a_page_with_the_remedy(client: FlaskClient) -> None:
    for response, status in (
        (client.post("/tasks/upload", data={"file": (io.BytesIO(b""), "p.csv")}, headers=BROWSER), 422),
        (client.post("/tasks/download", data={"from": "never"}, headers=BROWSER), 422),
        (client.get(f"/tasks/{uuid4()}", headers=BROWSER), 404),
        (client.post(f"/tasks/{uuid4()}/stop", headers=BROWSER), 404),
        (client.get("/?state=asleep", headers=BROWSER), 422),
    ):
        assert (response.status_code, response.mimetype) == (status, "text/html")
        assert "Back to the tasks" in response.get_data(as_text=True)


def test_programs_never_get_a_page(client: FlaskClient) -> None:
    for accept in ("*/*", "application/json", "application/json, */*;q=0.5", ""):
        assert client.get(f"/tasks/{uuid4()}", headers={"Accept": accept}).mimetype == "application/problem+json"
    for path in ("/tasks/?limit=0", "/datasets/none/batches", f"/tasks/{uuid4()}/result", "/nowhere"):
        assert client.get(path, headers=BROWSER).mimetype == "application/problem+json"


def test_names_that_are_markup_stay_text(client: FlaskClient) -> None:
    evil = '<script>alert("x")</script>'
    data = f'"{evil.replace(chr(34), chr(34) * 2)}",b\nx,2\n'.encode()
    response = client.post(
        "/tasks/upload",
        data={"file": (io.BytesIO(data), "p.csv"), "dataset": "evil"},
        headers={"X-Actor": evil.replace('"', "%22")},
    )
    task = end_of(client, response.get_json())
    assert task["created_by"] == evil
    for address in ("/", task["self_url"]):
        page = client.get(address, headers=BROWSER).get_data(as_text=True)
        assert "<script>alert" not in page
        assert "alert(" in html.unescape(page)


def test_pages_lead_to_older_tasks_with_the_filter_kept(client: FlaskClient) -> None:
    for _ in range(PER_PAGE + 1):
        last = client.post("/tasks", json={"kind": "test.count", "params": {"steps": 1, "nap": 0}}).get_json()
    end_of(client, last)
    page = client.get("/?kind=test.count", headers=BROWSER).get_data(as_text=True)
    (older,) = re.findall(r'<a href="([^"]+)">Older</a>', page)
    assert "kind=test.count" in older
    assert client.get(html.unescape(older), headers=BROWSER).status_code == 200


def test_rejects_are_linked(client: FlaskClient) -> None:
    task = imported(client, b"a,b\n1,2\n3\n", dataset="dirty")
    assert "1 rejected row" in row_of(client.get("/", headers=BROWSER).get_data(as_text=True), task)
