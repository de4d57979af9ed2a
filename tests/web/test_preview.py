"""A file is looked at before its import: by programs, and on the page without JavaScript."""

from __future__ import annotations

import io

from flask.testing import FlaskClient

from tests.support import people_csv
from tests.web.conftest import end_of, imported, problem
from tests.web.test_page import BROWSER


def uploaded(client: FlaskClient, data: bytes, name: str = "p.csv") -> str:
    """Upload by the page's form: the address of the look at it."""
    response = client.post("/upload", data={"file": (io.BytesIO(data), name)}, headers=BROWSER)
    assert response.status_code == 303, response.get_data(as_text=True)
    return response.headers["Location"]


def test_a_look_tells_how_the_file_is_and_imports_nothing(client: FlaskClient) -> None:
    look = uploaded(client, b"name;age\nada;36\nbob;41\ncyd;\n" + b"eve;old\n" + b"dan;7\n" * 40)
    said = client.get(f"{look}?dataset=looked").get_json()
    assert (said["delimiter"], said["checked"], said["rejected"], said["whole"]) == (";", 44, 1, True)
    assert [(c["name"], c["type"]) for c in said["columns"]] == [("name", "text"), ("age", "bigint")]
    assert said["rows"][0] == ["ada", "36"]
    assert said["rejects"][0]["line"] == 5
    problem(client.get("/datasets/looked"), 404, "dataset-not-found")
    page = client.get(f"{look}?dataset=looked", headers=BROWSER).get_data(as_text=True)
    for piece in ("1 would be rejected", "semicolon", "Start the import", "Line 5"):
        assert piece in page


def test_exchanged_columns_are_pointed_out(client: FlaskClient) -> None:
    imported(client, people_csv(100, 1), dataset="folk")
    header, rest = people_csv(100, 2).split(b"\n", 1)
    look = uploaded(client, header.replace(b"name,age", b"age,name") + b"\n" + rest)
    said = client.get(f"{look}?dataset=folk").get_json()
    assert [{s["first"], s["second"]} for s in said["swapped"]] == [{"name", "age"}]
    page = client.get(f"{look}?dataset=folk", headers=BROWSER).get_data(as_text=True)
    assert "look exchanged" in page
    other = next(part.split('"')[0] for part in page.split('href="') if "columns=" in part)
    mended = client.get(other.replace("&amp;", "&")).get_json()
    assert (mended["swapped"], [c["name"] for c in mended["columns"]][:2]) == ([], ["name", "age"])
    assert mended["rows"] == said["rows"]
    crossed = client.get(other.replace("&amp;", "&"), headers=BROWSER).get_data(as_text=True)
    assert "age as name, name as age" in crossed, "what was done about it is said in words"
    assert "look exchanged" not in crossed
    assert "<details open>" not in crossed, "and the JSON that says it is not put in front"


def test_a_check_of_every_row_leaves_the_file_to_be_imported(client: FlaskClient) -> None:
    look = uploaded(client, b"a,b\n1,2\n3\n")
    start = look.replace("/preview", "/start")
    checked = client.post(start, data={"dataset": "checked", "dry_run": "true"}, headers=BROWSER)
    task = end_of(client, client.get(checked.headers["Location"]).get_json())
    assert task["rejects"]["count"] == 1
    assert f"{look}?dataset=checked" in client.get(task["self_url"], headers=BROWSER).get_data(as_text=True)
    begun = client.post(start, data={"dataset": "checked"}, headers=BROWSER)
    assert end_of(client, client.get(begun.headers["Location"]).get_json())["status"] == "succeeded"
    assert client.get("/datasets/checked").get_json()["rows"] == 1


def test_what_can_not_be_read_is_said_beside_the_options(client: FlaskClient) -> None:
    look = uploaded(client, b"<html>no</html>")
    response = client.get(look, headers=BROWSER)
    assert response.status_code == 422
    assert "HTML" in response.get_data(as_text=True)
    assert 'name="delimiter"' in response.get_data(as_text=True)
    problem(client.get(look), 422, "not-csv")
    problem(client.get(f"{look}?delimiter=abc"), 422, "invalid-request")
