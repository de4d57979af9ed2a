"""How many rows a download would have: told by the API and on the page, before anything is made."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.web.conftest import imported, problem

BROWSER = {"Accept": "text/html"}


def test_an_estimate_says_its_bounds(client: FlaskClient) -> None:
    imported(client, dataset="guessed")
    said = client.get("/datasets/guessed/estimate?from=2016-01-01&filter=age>30").get_json()
    assert said == {
        "dataset": "guessed",
        "rows": 1,
        "low": 1,
        "high": 1,
        "exact": True,
        "by": "record_date",
        "of": 3,
    }
    assert client.get("/datasets/guessed/estimate").get_json()["rows"] == 3


def test_what_a_download_would_refuse_is_refused(client: FlaskClient) -> None:
    imported(client, dataset="refusing")
    for query, code in (
        ("from=yesterday", "invalid-date"),
        ("from=2016-01-01&till=2015-01-01", "invalid-range"),
        ("filter=age >", "invalid-filter"),
        ("by=age&from=2016-01-01", "no-date-column"),
        ("by=nowhere", "unknown-column"),  # also where there are no days to choose by
        ("by=age", "no-date-column"),
        ("columns=age", "invalid-request"),
    ):
        problem(client.get(f"/datasets/refusing/estimate?{query}"), 422, code)


def test_no_dataset_no_estimate(client: FlaskClient) -> None:
    problem(client.get("/datasets/nowhere/estimate"), 404, "dataset-not-found")


def test_the_page_counts_before_it_prepares_a_file(client: FlaskClient) -> None:
    imported(client, dataset="paged")
    empty = client.get("/download", headers=BROWSER).get_data(as_text=True)
    assert "Count first" in empty
    assert "<strong>3 rows</strong>" not in empty
    whole = client.get("/download?dataset=paged&from=&filter=age<40", headers=BROWSER).get_data(as_text=True)
    assert "<strong>2 rows</strong>" in whole
    assert 'value="age&lt;40"' in whole, "what was typed stays"
    wrong = client.get("/download?dataset=paged&from=2017-01-01&till=2016-01-01", headers=BROWSER)
    assert wrong.status_code == 422
    assert "later than" in wrong.get_data(as_text=True)
    assert client.get("/download?dataset=none", headers=BROWSER).status_code == 404
