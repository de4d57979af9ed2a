"""What Prometheus is told, that it is true, and that what is deployed asks for nothing else."""

from __future__ import annotations

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from tests.support import at_state, reached, wait_until
from waystation.model import State, Task, Verb
from waystation.storage.tallies import Tallies
from waystation.web.metrics import FAMILIES, Watch
from waystation.wiring import House, open_house

TOWN = {"kinds": ("tests.kinds",)}
KIND = "test.count"


def begin(town: House, **params: object) -> Task:
    return town.control.submit(KIND, {"nap": 0.02, **params}, actor="ann")[0]


def counted(town: House, event: str, number: int) -> Tallies:
    """The sums once the reaper has added up so many of these events."""
    wait_until(lambda: town.control.tallies().events.get((KIND, event), 0) >= number)
    return town.control.tallies()


def test_what_happened_is_added_up_and_tasks_are_counted_by_state(town: House) -> None:
    before = town.control.tallies()
    at_state(town, begin(town, steps=2), State.SUCCEEDED)
    stopped = reached(town, begin(town, steps=500), 3)
    town.control.act(Verb.PAUSE, stopped.id, actor="bob")
    at_state(town, stopped, State.PAUSED)
    assert town.control.tallies().tasks[KIND, "paused"] == 1, "moves count at once"
    town.control.act(Verb.RESUME, stopped.id, actor="bob")
    reached(town, stopped, 6)
    town.control.act(Verb.STOP, stopped.id, actor="bob")
    at_state(town, stopped, State.STOPPED)
    at_state(town, begin(town, steps=5, kill_at=3), State.SUCCEEDED, timeout=60)
    after = counted(town, "succeeded", before.events.get((KIND, "succeeded"), 0) + 2)
    with town.database.transaction() as connection:
        rows = connection.execute("SELECT kind, state, count(*) AS n FROM tasks GROUP BY kind, state").fetchall()
    assert {key: n for key, n in after.tasks.items() if n} == {(r["kind"], r["state"]): r["n"] for r in rows}
    assert (after.events[KIND, "lease lost"], after.readopted[KIND]) == (1, 1)
    assert after.pauses[KIND].numbers[-1] == 1
    assert after.stops[KIND].numbers[-1] == 1
    assert list(after.stops[KIND].numbers) == sorted(after.stops[KIND].numbers), "a bucket holds those before it"
    assert after.pauses[KIND].seconds > 0


def test_every_metric_is_told_with_its_meaning(client: FlaskClient, town: House) -> None:
    task = at_state(town, begin(town, steps=1), State.SUCCEEDED)
    counted(town, "succeeded", 1)
    families = {f.name: f for f in text_string_to_metric_families(client.get("/metrics").get_data(as_text=True))}
    assert {(f.name, f.type, f.help) for f in FAMILIES} == {(f.name, f.type, f.documentation) for f in families.values()}
    numbers = {name: f.samples[0].value for name, f in families.items() if f.samples and not f.samples[0].labels}
    assert (numbers["waystation_slots"], numbers["waystation_workers"], numbers["waystation_broker_up"]) == (2, 1, 1)
    assert {s.labels["state"] for s in families["waystation_tasks"].samples if s.labels["kind"] == task.kind} >= {"succeeded"}


def test_how_long_the_oldest_waits_that_may_begin(house: House) -> None:
    house.control.limit("kind", "generate", held=True, actor="ann")
    house.control.submit("generate", {"rows": 1}, actor="ann")
    assert house.control.tallies().oldest == {}, "what is held is no backlog"
    house.control.limit("kind", "generate", actor="ann")
    (queue,) = house.control.tallies().oldest
    assert queue == "default"


def test_a_database_that_is_away_is_told(house: House) -> None:
    settings = house.settings.model_copy(update={"database_url": "host=127.0.0.1 port=1 dbname=none user=none"})
    with open_house(settings, migrating=False) as without:
        told = Watch().text(without, 0).decode()
    assert "waystation_database_up 0.0" in told
    assert "waystation_broker_up 1.0" in told
