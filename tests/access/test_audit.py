"""The audit: each act has its line, with it or not at all; nobody changes one; admins read it, page by page and whole."""

from __future__ import annotations

import csv
import io
import json

import psycopg
import pytest
from flask import Flask

from tests.access.conftest import Ask
from waystation.access import Role
from waystation.acts import Act, Which
from waystation.audit import Audit
from waystation.errors import NotAllowed, VerbNotPossible
from waystation.storage import audit
from waystation.storage.db import Connection
from waystation.timetable import Timetable
from waystation.web.crowds import REFUSALS
from waystation.wiring import House

GENERATE = {"kind": "generate", "params": {"rows": 10}}


def acts(house: House, **which: str) -> list[tuple[str, str, str | None]]:
    """Who did what to what, oldest first."""
    with house.database.transaction() as connection:
        return [(e.actor, e.act, e.about) for e in audit.select(connection, Which(**which), after=0, limit=100)]  # type: ignore[arg-type]


def test_each_act_has_its_line(house: House, as_: Ask) -> None:
    ops, root = as_("operator"), as_("root")
    task = ops.post("/tasks", json=GENERATE).get_json()
    root.post(f"{task['self_url']}/pause", json={"reason": "a moment"})
    root.post(f"{task['self_url']}/pause")  # it is paused: nothing was done
    ops.get(f"{task['self_url']}/rejects")
    ops.post(f"{task['self_url']}/link", json={"to": "rejects"})
    root.put("/limits/kind/import", json={"held": True})
    ops.put("/schedules/nightly", json={**GENERATE, "cron": "0 3 * * *"})
    ops.delete("/schedules/nightly")
    root.put("/webhooks/chat", json={"url": "https://1.1.1.1/hook?key=hidden"})
    root.put("/restrictions/dataset/pay", json={"groups": ["payroll"]})
    root.post("/tokens", json={"name": "ada", "role": "viewer"})
    root.delete("/tokens/ada")
    with house.database.transaction() as connection:
        found = audit.select(connection, Which(), after=0, limit=100)
    assert "hidden" not in str(found)
    assert [(e.actor, e.act, e.about) for e in found[4:]] == [  # after the four tokens of the fixture
        ("operator", "task.submit", "generate"),
        ("root", "task.pause", "generate"),
        ("operator", "rejects.fetch", "generate"),
        ("operator", "link.create", "generate"),
        ("root", "limit.set", "kind import"),
        ("operator", "schedule.put", "nightly"),
        ("operator", "schedule.drop", "nightly"),
        ("root", "webhook.put", "chat"),
        ("root", "restriction.set", "dataset pay"),
        ("root", "token.create", "ada"),
        ("root", "token.revoke", "ada"),
    ]
    pause = next(e for e in found if e.act == "task.pause")
    assert (str(pause.task), pause.reason, pause.data["from"]) == (task["task_id"], "a moment", "queued")


def test_what_is_not_done_has_no_line(house: House) -> None:
    task, _ = house.control.submit("generate", {"rows": 1}, actor="ada")
    with pytest.raises(VerbNotPossible):
        house.control.act("undo", task.id, actor="ada")  # type: ignore[arg-type]
    assert acts(house) == [("ada", "task.submit", "generate")]


def test_refusals_and_logins_are_told_and_do_not_fill_the_disk(
    house: House, app: Flask, as_: Ask, tokens: dict[str, str]
) -> None:
    task = as_("root").post("/tasks", json=GENERATE).get_json()
    assert as_("operator").post(f"{task['self_url']}/stop").status_code == 403
    assert as_("viewer").get("/audit").status_code == 403
    page = app.test_client()
    assert page.post("/login", data={"token": "wrong"}).status_code == 401
    assert page.post("/login", data={"token": tokens["viewer"]}, base_url="https://localhost").status_code == 303
    assert page.post("/logout", base_url="https://localhost", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    told = [a for a in acts(house) if a[1] in ("refused", "login", "logout")]
    assert told == [
        ("operator", "refused", "not-allowed"),
        ("viewer", "refused", "not-allowed"),
        ("anonymous", "refused", "wrong-token"),
        ("viewer", "login", None),
        ("viewer", "logout", None),
    ]
    assert [a for a in acts(house, task=task["task_id"]) if a[1] == "refused"] == told[:1]
    for _ in range(2 * REFUSALS + 5):
        as_("viewer").get("/tokens")
    assert REFUSALS <= len(acts(house, actor="viewer", act="refused")) <= 2 * REFUSALS  # a minute may end among them


def test_a_line_is_never_changed_and_goes_by_retention_alone(house: House) -> None:
    def try_to(*statements: str) -> None:
        with house.database.connect("ws:test") as connection:
            for statement in statements:
                connection.execute(statement)

    retention = "SET LOCAL waystation.retention = 'on'"
    house.control.submit("generate", {"rows": 1}, actor="ada")
    for statements in (
        ("UPDATE audit SET actor = 'bob'",),
        ("DELETE FROM audit",),
        ("TRUNCATE audit",),
        (retention, "DELETE FROM audit"),  # it is of today
        (retention, "UPDATE audit SET actor = 'bob'"),
        (retention, "TRUNCATE audit"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            try_to(*statements)
    assert acts(house) == [("ada", "task.submit", "generate")]

    def of_last_year(connection: Connection) -> None:
        connection.execute("INSERT INTO audit (at, actor, act) VALUES (now() - interval '400 days', 'old', 'login')")

    with house.database.transaction() as connection:
        of_last_year(connection)
        assert audit.expire(connection, 365 * 86400) == 1
    assert acts(house) == [("ada", "task.submit", "generate")]


def test_admins_read_it_in_pages_and_whole(house: House, as_: Ask) -> None:
    for n in range(5):
        house.control.submit("generate", {"rows": 1}, actor="=cmd()" if n == 4 else "ada")
    root = as_("root")
    seen, address = [], "/audit?act=task.submit&limit=2"
    while address:
        page = root.get(address).get_json()
        seen += [e["id"] for e in page["entries"]]
        address = page["next"]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    lines = [json.loads(line) for line in root.get("/audit?act=task.submit&format=jsonl").text.splitlines()]
    assert [e["id"] for e in lines] == seen[::-1]
    rows = list(csv.DictReader(io.StringIO(root.get("/audit?act=task.submit&format=csv").text)))
    assert [r["actor"] for r in rows] == ["ada"] * 4 + ["'=cmd()"]  # no spreadsheet runs it
    assert acts(house, act="audit.export") == [("root", "audit.export", None)] * 2
    assert root.get("/audit?since=2999-01-01T00:00:00Z").get_json()["entries"] == []
    assert root.get("/audit?act=nonsense").status_code == 422
    html = root.get("/audit", headers={"Accept": "text/html"}).text
    assert "<h1>Audit</h1>" in html
    assert "task.submit" in html


def test_it_is_for_admins_alone(house: House) -> None:
    manager = house.gate.caller(house.gate.create("meg", Role.MANAGER, actor="test")[1])
    reader = Audit(house.control.acting_for(manager))
    with pytest.raises(NotAllowed):
        reader.page(Which(), limit=1)
    with pytest.raises(NotAllowed):
        reader.export(Which(), "csv", actor="meg")


def test_a_task_that_a_schedule_starts_is_told_with_it(house: House) -> None:
    from waystation.starting import start_one
    from waystation.storage import schedules

    Timetable(house.control).put("nightly", "generate", {"rows": 1}, cron="* * * * *", zone="UTC", actor="ada")
    with house.database.transaction() as connection:
        found = schedules.get(connection, "nightly")
        assert found is not None
        start_one(connection, found, {}, found.next_at)
        (line,) = audit.select(connection, Which(act=Act.SUBMIT), after=0, limit=9)
    assert (line.actor, line.data["schedule"]) == ("ada", "nightly")
