"""What a task keeps of people goes on request: nothing of it is on the disk or in a row, and the audit tells of it."""

from __future__ import annotations

import pytest

from tests.support import at_state, send, table_rows
from waystation.access import Role
from waystation.acts import Act, Which
from waystation.errors import NoResult, NotAllowed, TaskUnfinished
from waystation.forgetting import Forgetting
from waystation.model import State, Verb
from waystation.storage import audit
from waystation.wiring import House

BAD = b"name,age\nEdeltraud,36\nKunibert,thirty\n"
NAME = "people-of-ulm.csv"


def told(town: House, secret: str) -> set[str]:
    """Where a text stands: files by their names, tables by theirs."""
    found = {str(p) for p in town.settings.home.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()}
    with town.database.transaction() as connection:
        for table in ("tasks", "events", "uploads", "deliveries", "audit"):
            query = f"SELECT count(*) AS n FROM {table} t WHERE t::text LIKE '%{secret}%'"
            row = connection.execute(query).fetchone()
            if row and row["n"]:
                found.add(table)
    return found


def test_an_import_s_file_rejects_and_name_are_gone_and_its_rows_stay_until_undone(town: House) -> None:
    task = at_state(town, send(town, BAD, name=NAME, dataset="ulm", types={"age": "bigint"}), State.SUCCEEDED)
    assert town.control.reject_rows(task.id)
    assert {"tasks", "uploads"} <= told(town, NAME)
    now = Forgetting(town.control).forget(task.id, actor="root", reason="asked for")
    assert (now.state, now.label) == (State.SUCCEEDED, None)
    assert told(town, NAME) == told(town, "Kunibert") == set()
    assert town.control.reject_rows(task.id) == []
    assert len(table_rows(town, "ulm")) == 1
    Forgetting(town.control).forget(task.id, actor="root")  # asked again
    with town.database.transaction() as connection:
        lines = audit.select(connection, Which(act=Act.FORGET, task=task.id), after=0, limit=9)
    assert [(e.actor, e.reason, e.data["uploads"]) for e in lines] == [("root", "asked for", 1)]
    assert [e.event for e in town.control.events(task.id)].count("forgotten") == 1
    town.control.act(Verb.UNDO, task.id, actor="root")
    at_state(town, task, State.UNDONE)
    assert told(town, "Edeltraud") == set()


def test_an_export_s_file_is_gone(town: House) -> None:
    at_state(town, send(town, b"name\nWalburga\n", dataset="gone"), State.SUCCEEDED)
    made, _ = town.control.submit("export", {"dataset": "gone"}, actor="ada")
    at_state(town, made, State.SUCCEEDED)
    assert b"Walburga" in town.control.result(made.id).read_bytes()
    Forgetting(town.control).forget(made.id, actor="root")
    with pytest.raises(NoResult):
        town.control.result(made.id)
    assert not [p for p in town.settings.home.rglob(f"*{made.id}*") if p.is_file()]


def test_what_has_not_ended_is_left_alone(town: House) -> None:
    town.control.limit("kind", "generate", held=True, actor="op")
    waits, _ = town.control.submit("generate", {"rows": 5}, actor="ada")
    with pytest.raises(TaskUnfinished, match="queued"):
        Forgetting(town.control).forget(waits.id, actor="root")
    failed = send(town, BAD, dataset="fails", types={"age": "bigint"}, max_errors=0)
    at_state(town, failed, State.FAILED)
    with pytest.raises(TaskUnfinished, match="failed"):
        Forgetting(town.control).forget(failed.id, actor="root")
    assert town.control.reject_rows(failed.id)
    town.control.act(Verb.STOP, failed.id, actor="ada")
    at_state(town, failed, State.STOPPED)
    Forgetting(town.control).forget(failed.id, actor="root")
    assert "Kunibert" not in str(town.control.get(failed.id))


def test_it_is_for_admins(town: House) -> None:
    manager = town.gate.caller(town.gate.create("meg", Role.MANAGER, actor="test")[1])
    task, _ = town.control.submit("generate", {"rows": 5}, actor="meg")
    with pytest.raises(NotAllowed):
        Forgetting(town.control.acting_for(manager)).forget(task.id, actor="meg")
