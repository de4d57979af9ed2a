"""The pages of schedules and webhooks, without JavaScript: made, looked at, held, let go on and removed by forms."""

from __future__ import annotations

import re
from datetime import datetime

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import wait_until
from tests.web.test_page import BROWSER
from tests.web.test_pages import page
from waystation.model import Verb
from waystation.states import FINAL
from waystation.wiring import House

TOWN = {"kinds": ("tests.kinds",), "webhook_networks": ("192.0.2.0/24",)}  # nothing of the world has such an address
NIGHTLY = {"_name": "nightly", "_cron": "0 3 * * mon-fri", "_zone": "Europe/Berlin", "_missed": "one", "_overlap": "false"}


def send(client: FlaskClient, path: str, **form: object) -> TestResponse:
    """A form, as a browser sends it."""
    return client.post(path, data=form, headers=BROWSER)


def text_of(response: TestResponse, status: int) -> str:
    """The page that came back."""
    assert (response.status_code, response.mimetype) == (status, "text/html")
    return response.get_data(as_text=True)


def test_a_schedule_from_its_form_to_its_removal(client: FlaskClient) -> None:
    empty = page(client, "/schedules")
    assert "Nothing is scheduled" in empty
    assert "/kinds/test.count/schedule" in empty
    assert "/kinds/import/schedule" not in empty  # an upload goes with the task that used it
    assert 'name="steps"' in page(client, "/kinds/test.count/schedule")

    looked = text_of(send(client, "/kinds/test.count/schedule", **NIGHTLY, steps="7", _look="1"), 200)
    assert "At 03:00 on Monday through Friday" in looked
    assert len(re.findall(r"<li>(?:Mon|Tue|Wed|Thu|Fri) \d+ \w+ \d{4}, 03:00, in ", looked)) == 3
    assert 'value="7"' in looked
    assert client.get("/schedules").get_json()["schedules"] == []  # a look makes nothing

    assert send(client, "/kinds/test.count/schedule", **NIGHTLY, steps="7").status_code == 303
    made = client.get("/schedules/nightly").get_json()
    assert (made["cron"], made["zone"], made["params"]["steps"]) == ("0 3 * * mon-fri", "Europe/Berlin", 7)
    listed = page(client, "/schedules")
    for piece in ("nightly", "/kinds/test.count", "<code>0 3 * * mon-fri</code> Europe/Berlin", ", 03:00, in "):
        assert piece in listed
    again = text_of(send(client, "/kinds/test.count/schedule", **NIGHTLY), 422)
    assert "named &#39;nightly&#39; already" in again

    change = page(client, "/kinds/test.count/schedule?like=nightly")
    assert re.search(r'name="steps"[^>]* value="7"', change)
    more = {**NIGHTLY, "_changes": "nightly", "_cron": "30 4 * * *"}
    assert send(client, "/kinds/test.count/schedule", **more, steps="8").status_code == 303
    made = client.get("/schedules/nightly").get_json()
    assert (made["cron"], made["params"]["steps"]) == ("30 4 * * *", 8)

    assert send(client, "/schedules/nightly", do="pause").status_code == 303
    assert client.get("/schedules/nightly").get_json()["held"] is True
    assert "It starts nothing until it is resumed" in page(client, "/schedules")
    assert send(client, "/schedules/nightly", do="resume").status_code == 303
    assert client.get("/schedules/nightly").get_json()["held"] is False
    text_of(send(client, "/schedules/nightly", do="explode"), 422)
    assert send(client, "/schedules/nightly", do="remove").status_code == 303
    assert "Nothing is scheduled" in page(client, "/schedules")
    text_of(send(client, "/schedules/nightly", do="remove"), 404)


def test_what_is_wrong_in_the_form_is_said_and_what_was_typed_is_kept(client: FlaskClient) -> None:
    wrong = {**NIGHTLY, "_cron": "every night"}
    text = text_of(send(client, "/kinds/test.count/schedule", **wrong, steps="7"), 422)
    assert "five fields of cron" in text
    assert 'value="every night"' in text
    assert 'value="7"' in text
    assert "steps" in text_of(send(client, "/kinds/test.count/schedule", **NIGHTLY, steps="many"), 422)
    assert "is no name" in text_of(send(client, "/kinds/test.count/schedule", **{**NIGHTLY, "_name": "At Night"}), 422)
    assert "There is no time zone" in page(client, "/kinds/test.count/schedule?_cron=0+3+*+*+*&_zone=Bonn")
    assert client.get("/schedules").get_json()["schedules"] == []


def test_a_schedule_that_goes_on_has_missed_nothing(client: FlaskClient, town: House) -> None:
    send(client, "/kinds/test.count/schedule", **{**NIGHTLY, "_name": "rested"}, steps="1")
    send(client, "/schedules/rested", do="pause")
    with town.database.transaction() as connection:
        connection.execute("UPDATE schedules SET next_at = '2020-01-01+00' WHERE name = 'rested'")
        now = connection.execute("SELECT now() AS now").fetchone()
    send(client, "/schedules/rested", do="resume")
    assert now
    assert datetime.fromisoformat(client.get("/schedules/rested").get_json()["next_at"]) > now["now"]
    client.delete("/schedules/rested")


def test_a_webhook_from_its_form_to_its_removal(client: FlaskClient, town: House) -> None:
    assert "Nobody is told yet" in page(client, "/webhooks")
    typed = {"name": "pager", "url": "https://192.0.2.7/hook", "states": ["failed", "terminated"], "kind": "test.count"}
    private = text_of(send(client, "/webhooks", **{**typed, "url": "http://127.0.0.1:9/hook"}), 422)
    assert "WAYSTATION_WEBHOOK_NETWORKS" in private
    assert 'value="pager"' in private
    assert 'value="succeeded" checked' not in private
    assert "states" in text_of(send(client, "/webhooks", **{**typed, "states": []}), 422)

    made = text_of(send(client, "/webhooks", **typed), 200)
    secret = re.search(r"shown this once: <code>([^<]+)</code>", made)
    assert secret
    (there,) = client.get("/webhooks").get_json()["webhooks"]
    assert (there["url"], there["kind"], set(there["states"])) == (typed["url"], "test.count", {"failed", "terminated"})
    listed = page(client, "/webhooks")
    assert secret[1] not in listed
    assert "It has been told of nothing yet" in listed
    assert "already" in text_of(send(client, "/webhooks", **typed), 422)

    task, _ = town.control.submit("test.count", {"steps": 20_000, "nap": 0.01}, actor="ada")
    town.control.act(Verb.TERMINATE, task.id, actor="ada")
    wait_until(lambda: town.control.get(task.id).state in FINAL, 30)
    assert "waiting" in page(client, "/webhooks")
    told = page(client, "/webhooks/pager/deliveries")
    assert f"/tasks/{task.id}" in told

    inside = text_of(send(client, "/webhooks/pager", do="move", url="http://127.0.0.1:9/hook"), 422)
    assert 'value="http://127.0.0.1:9/hook"' in inside
    there["url"] = "https://192.0.2.9/moved"
    assert send(client, "/webhooks/pager", do="move", url=there["url"]).status_code == 303

    assert send(client, "/webhooks/pager", do="pause").status_code == 303
    assert client.get("/webhooks").get_json()["webhooks"][0]["held"] is True
    assert send(client, "/webhooks/pager", do="resume").status_code == 303
    (after,) = client.get("/webhooks").get_json()["webhooks"]
    assert after == there
    with town.database.transaction() as connection:
        kept = connection.execute("SELECT secret FROM webhooks WHERE name = 'pager'").fetchone()
    assert kept
    assert kept["secret"] == secret[1]
    assert send(client, "/webhooks/pager", do="remove").status_code == 303
    assert "Nobody is told yet" in page(client, "/webhooks")
    text_of(client.get("/webhooks/pager/deliveries", headers=BROWSER), 404)
