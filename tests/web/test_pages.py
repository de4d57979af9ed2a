"""The other pages, without JavaScript: each shows what the API tells, at the same address."""

from __future__ import annotations

import html
import io
import re

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import PEOPLE, end_of, imported
from tests.web.test_page import BROWSER
from waystation.csvio.encode import ENCODER
from waystation.wiring import House

TOWN = {"kinds": "tests.kinds"}


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    """The text of a page."""
    response = client.get(path, headers=BROWSER)
    assert (response.status_code, response.mimetype) == (status, "text/html"), path
    return response.get_data(as_text=True)


def test_an_empty_house_teaches(client: FlaskClient) -> None:
    assert "There is no dataset yet" in page(client, "/datasets")


def test_a_dataset_shows_its_columns_imports_and_rows(client: FlaskClient) -> None:
    task = imported(client, PEOPLE, dataset="shown")
    assert "/datasets/shown" in page(client, "/datasets")
    text = page(client, "/datasets/shown")
    for piece in ("record_date", "2015-12-10", "ada", f"{task['self_url']}/undo/ask", "3 rows of 1 import"):
        assert piece in text
    assert "Back to the tasks" in page(client, "/datasets/none", 404)
    assert client.get("/datasets/shown").get_json()["rows"] == 3


def test_rejects_are_a_table_with_the_bad_cell_marked(client: FlaskClient) -> None:
    task = imported(client, b"Full Name,age\nada,36\nbob,old\n" + b"eve,7\n" * 60, dataset="marked")
    text = page(client, task["self_url"])
    assert "<mark>old</mark>" in text
    assert re.search(r'<td class="num">3</td><td class="why">[^<]*not a whole number', text)
    assert f'href="{task["rejects"]["url"]}"' in text
    assert "/upload?dataset=marked" in text


def test_a_kind_s_form_starts_a_task_and_says_what_is_wrong_in_it(client: FlaskClient) -> None:
    assert "/kinds/test.count" in page(client, "/kinds")
    assert 'name="steps"' in page(client, "/kinds/test.count")
    wrong = client.post("/kinds/test.count/start", data={"steps": "many"}, headers=BROWSER)
    text = wrong.get_data(as_text=True)
    assert wrong.status_code == 422
    assert "steps" in text
    assert 'value="many"' in text
    done = client.post("/kinds/test.count/start", data={"steps": "2", "nap": "0", "kill_at": ""}, headers=BROWSER)
    assert done.status_code == 303
    task = client.get(done.headers["Location"]).get_json()
    assert task["params"]["steps"] == 2
    end_of(client, task)
    again = page(client, f"/kinds/test.count?like={task['task_id']}")
    assert re.search(r'name="steps" type="number" value="2"', again)
    assert client.get("/kinds/test.count").get_json()["name"] == "test.count"
    assert client.get("/kinds/none").status_code == 404


def test_a_kind_that_takes_a_file_has_it_in_its_form_and_keeps_it_when_something_else_is_wrong(client: FlaskClient) -> None:
    assert re.search(r'<input type="file" name="upload"[^>]* required>', page(client, "/kinds/import"))
    file = (io.BytesIO(PEOPLE), "folk.csv")
    fields = {"upload": file, "dataset": "filed", "max_errors": "many"}
    wrong = client.post("/kinds/import/start", data=fields, headers=BROWSER)
    text = wrong.get_data(as_text=True)
    assert wrong.status_code == 422
    assert re.search(r'name="max_errors" aria-invalid="true"[^>]*value="many"', text)
    assert "<strong>folk.csv</strong>" in text
    kept = re.search(r'<input type="hidden" name="upload" value="([0-9a-f-]{36})">', text)
    assert kept
    mended = {"upload": [kept[1], (io.BytesIO(b""), "")], "dataset": "filed", "max_errors": "0"}
    done = client.post("/kinds/import/start", data=mended, headers=BROWSER)
    assert done.status_code == 303
    assert end_of(client, client.get(done.headers["Location"]).get_json())["counts"]["good"] == 3
    fields = {"upload": (io.BytesIO(b""), ""), "dataset": "filed"}
    assert client.post("/kinds/import/start", data=fields, headers=BROWSER).status_code == 422  # none was chosen


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("till", {"from": "2016-01-01", "till": "2015-01-01"}, "is later than"),
        ("dataset", {"dataset": "nowhere"}, "no dataset named"),
        ("filter", {"filter": "age >= and"}, "wrong at character 8"),
        ("order", {"order": "nothing"}, "Take one of its columns: name, age, record_date."),
        ("by", {"by": "nothing", "from": "2015-01-01"}, "Take one of its columns: name, age, record_date."),
        ("from", {"from": "yesterday"}, "YYYY-MM-DD"),
        (None, {"format": "parquet", "compression": "gzip"}, "has no meaning for parquet"),
    ],
)
def test_what_is_wrong_in_a_download_stands_at_its_field_and_what_was_typed_is_kept(
    client: FlaskClient, field: str | None, typed: dict[str, str], says: str
) -> None:
    if client.get("/datasets/asked_of").status_code == 404:
        imported(client, PEOPLE, dataset="asked_of")
    answer = client.post("/download", data={"dataset": "asked_of", **typed}, headers=BROWSER)
    text = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code in (404, 422)
    assert says in text
    assert re.findall(r'name="(\w+)" aria-invalid', text) == ([field] if field else [])
    assert all(value in text for value in typed.values())
    assert client.get("/tasks/?kind=export").get_json()["tasks"] == []


def test_a_file_that_is_none_can_not_be_started(client: FlaskClient) -> None:
    for data, says in ((b"", "The file is empty."), (b"\x89PNG\r\n\x1a\n" + bytes(40), "PNG picture")):
        sent = client.post("/upload", data={"file": (io.BytesIO(data), "notes.csv"), "dataset": "kept"}, headers=BROWSER)
        text = page(client, sent.headers["Location"], 422)
        assert says in text
        assert "<h1>notes.csv</h1>" in text
        assert 'class="note unread"' in text
        assert 'href="/upload?dataset=kept"' in text


def test_the_system_says_what_is_there(client: FlaskClient) -> None:
    text = page(client, "/system")
    assert "answers" in text
    assert "of 2 busy" in text
    assert f"<p>{ENCODER}</p>" in text
    client.put("/limits/kind/generate", json={"held": True, "reason": "maintenance"})
    assert "maintenance" in page(client, "/system")


def test_a_long_timeline_and_log_are_shown_a_page_at_a_time(client: FlaskClient, town: House) -> None:
    task = imported(client, PEOPLE, dataset="told")
    with town.database.transaction() as connection:
        for event in ("paused", "log"):
            connection.execute(
                "INSERT INTO events (task, event, actor, attempt, data)"
                " SELECT %s, %s, 'ann', 1, jsonb_build_object('text', 'line ' || n) FROM generate_series(1, 250) n",
                (task["task_id"], event),
            )
    text = page(client, task["self_url"])
    assert text.count("<strong>paused</strong>") == 100
    assert "line 250<" in text.replace(" </li>", "<").replace("</li>", "<")
    assert "data-live" in text
    assert "submitted</strong>" not in text
    seen = 100
    while earlier := re.search(r'href="(/tasks/[^"]+\?before=\d+)#story"', text):
        text = page(client, earlier[1])
        seen += text.count("<strong>paused</strong>")
        assert "data-live" not in text
    assert seen == 250
    assert "submitted</strong>" in text
    lines = re.search(r'href="(/tasks/[^"]+\?log_before=\d+)#log"', page(client, task["self_url"]))
    assert lines
    assert "line 150<" in page(client, lines[1]).replace("</li>", "<")
    assert client.get(f"{task['self_url']}?before=x", headers=BROWSER).status_code == 422
