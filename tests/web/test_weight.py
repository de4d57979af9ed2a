"""What the pages weigh, as a browser gets them: the whole of it stays below 150 kB."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from tests.web.test_page import BROWSER
from waystation.wiring import House

MOST = 150_000  # bytes, of a list of tasks and of all that any page loads
PACKED = {**BROWSER, "Accept-Encoding": "gzip"}


def assets(app: Flask) -> list[str]:
    """The addresses of all static files that a page loads; the reference of the API has a reader of its own."""
    folder = Path(app.static_folder or "")
    text = "".join(file.read_text() for file in (Path(app.root_path) / "templates").glob("*.html") if file.name != "docs.html")
    names = set(re.findall(r"url_for\('static', filename='([^']+)'\)", text))
    assert len(names) > 5
    assert all((folder / name).is_file() for name in names)
    return [f"/static/{name}" for name in sorted(names)]


def test_the_list_and_all_assets_weigh_less_than_150_kilobytes(town: House, app: Flask, client: FlaskClient) -> None:
    for n in range(60):  # a page full
        town.control.submit("generate", {"rows": 10 + n}, actor="somebody with a name")
    page = client.get("/", headers=PACKED)
    assert gzip.decompress(page.get_data()).count(b'class="row"') == 50
    weights = {"/": len(page.get_data())} | {
        path: len(client.get(path, headers=PACKED, buffered=True).get_data()) for path in assets(app)
    }
    assert sum(weights.values()) < MOST, weights


def test_an_answer_is_packed_only_for_who_takes_it_and_kept_by_its_tag(app: Flask, client: FlaskClient) -> None:
    path = next(path for path in assets(app) if path.endswith("page.css"))
    plain, packed = client.get(path, buffered=True), client.get(path, headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.get_data()) == plain.get_data()
    assert int(packed.headers["Content-Length"]) == len(packed.get_data())
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
        again = client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]}, buffered=True)
        assert (again.status_code, again.get_data()) == (304, b"")
    part = client.get(path, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"}, buffered=True)
    assert (part.status_code, part.get_data()) == (206, plain.get_data()[:10])
    assert "Content-Encoding" not in client.get("/tasks/", headers={"Accept-Encoding": "gzip"}).headers
