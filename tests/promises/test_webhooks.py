"""Webhooks on the real thing: each end of a task is told, signed, until it is answered."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import at_state, send, wait_until
from waystation.access import Caller, Role
from waystation.courier import LONGEST, TRIES, Courier, wait_before
from waystation.errors import InvalidName, InvalidRequest, NotAllowed, UnsafeAddress, WebhookNotFound
from waystation.model import Delivery, State, Verb
from waystation.tellings import Tellings
from waystation.wiring import House

NETWORKS = ("127.0.0.1/32",)
TOWN = {"kinds": ("tests.kinds",), "webhook_networks": NETWORKS}
PAGE = Path(__file__).resolve().parents[2] / "docs/webhooks.md"


class Receiver:
    """A server that hears webhooks; it answers with `answers`, one after the other, and then 204."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Desk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append((dict(self.headers.items()), body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                self.send_response(status)
                self.send_header("Location", f"{receiver.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.heard]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


def is_ours() -> Any:
    """The receiver's check, as the page has it."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)
    return names["is_ours"]


def told(house: House, name: str = "chat") -> list[Delivery]:
    return Tellings(house.control).deliveries(name)


def deliver(courier: Courier) -> bool:
    with courier.database.connect("test", autocommit=True) as connection:
        return courier.deliver(connection)


def ended(house: House) -> None:
    """A task that ends at once, by a verb."""
    task, _ = house.control.submit("generate", {"rows": 1}, actor="ann")
    house.control.act(Verb.STOP, task.id, actor="ann")


@pytest.fixture
def tellings(house: House) -> Tellings:
    house.control.settings = house.settings.model_copy(update={"webhook_networks": NETWORKS})
    return Tellings(house.control)


@pytest.fixture
def courier(tellings: Tellings) -> Courier:
    return Courier(tellings.control.database, tellings.control.settings)


def test_every_end_of_a_task_is_told_signed(town: House) -> None:
    with receiving() as receiver:
        _, secret = Tellings(town.control).put("chat", receiver.url, actor="ann", kind="import")
        task = at_state(town, send(town, b"a,b\n1,2\n", dataset="told"), State.SUCCEEDED)
        town.control.act(Verb.UNDO, task.id, actor="ann")
        at_state(town, town.control.submit("generate", {"rows": 1}, actor="ann")[0], State.SUCCEEDED)
        wait_until(lambda: [d.state for d in told(town)] == ["delivered"] * 2, timeout=30)
        assert sorted(receiver.events()) == ["succeeded", "undone"], "and nothing of another kind"
        headers, body = receiver.heard[receiver.events().index("succeeded")]  # two couriers: either may be first
        said = json.loads(body)
        assert (said["task_id"], said["label"], said["dataset"]) == (str(task.id), "data.csv", "told")
        assert headers["Waystation-Delivery"] == str(said["delivery"])
        assert is_ours()(secret, headers["Waystation-Signature"], body)
        assert not is_ours()(secret, headers["Waystation-Signature"], body + b" ")
        assert not is_ours()("another", headers["Waystation-Signature"], body)
        Tellings(town.control).drop("chat", actor="ada")


def test_it_is_tried_until_it_is_answered_and_redirects_lead_nowhere(
    house: House, tellings: Tellings, courier: Courier
) -> None:
    with receiving() as receiver:
        receiver.answers = [500, 302]
        tellings.put("chat", receiver.url, actor="ann")
        ended(house)
        for tries, error in ((1, "It answered 500. The receiver"), (2, "It answered 302. Redirects are not followed")):
            assert deliver(courier)
            [waiting] = told(house)
            assert (waiting.state, waiting.tries) == ("waiting", tries)
            assert (waiting.error or "").startswith(error)
            assert not deliver(courier), "its time has not come"
            _now(house)
        assert deliver(courier)
        [done] = told(house)
        assert (done.state, done.tries, done.status, done.error) == ("delivered", 3, 204, None)
        assert len({body for _, body in receiver.heard}) == 1, "the same each time"
    tellings.put("chat", receiver.url, actor="ann")
    ended(house)
    assert deliver(courier)
    assert "Nobody listens at 127.0.0.1" in (told(house)[0].error or "")
    assert not deliver(courier), "its time has not come"
    with receiving() as elsewhere:
        tellings.move("chat", elsewhere.url, actor="ann")
        assert deliver(courier), "what waits goes to the new address at once"
        assert [json.loads(body)["event"] for _, body in elsewhere.heard] == ["stopped"]


def _now(house: House) -> None:
    with house.database.transaction() as connection:
        connection.execute("UPDATE deliveries SET next_at = now() WHERE state = 'waiting'")


def test_what_is_never_answered_is_given_up(house: House, tellings: Tellings, courier: Courier) -> None:
    tellings.put("chat", "http://127.0.0.1:9/", actor="ann")
    ended(house)
    with house.database.transaction() as connection:
        connection.execute("UPDATE deliveries SET tries = %s", (TRIES - 1,))
    assert deliver(courier)
    assert told(house)[0].state == "given up"
    waits = [wait_before(n) or 0 for n in range(1, TRIES)]
    assert waits[0] < 7
    assert sum(min(LONGEST, 5 * 2.0 ** (n - 1)) for n in range(1, TRIES)) + LONGEST * 2 > 8 * 3600
    assert max(waits) <= LONGEST * 1.2
    assert wait_before(TRIES) is None


def test_a_name_that_has_come_to_lead_inside_is_not_called(house: House, tellings: Tellings) -> None:
    with receiving() as receiver:
        tellings.put("chat", receiver.url, actor="ann")
        ended(house)
        strict = Courier(house.database, house.settings)  # where no private network is allowed
        assert deliver(strict)
        assert receiver.heard == []
        assert "no public address" in (told(house)[0].error or "")


def test_a_rollback_tells_nothing_and_a_drop_gives_up(house: House, tellings: Tellings, courier: Courier) -> None:
    tellings.put("chat", "http://127.0.0.1:9/", actor="ann")
    task, _ = house.control.submit("generate", {"rows": 1}, actor="ann")
    with house.database.connect("test") as connection:
        connection.execute("UPDATE tasks SET state = 'stopped', ended_at = now() WHERE id = %s", (task.id,))
        connection.rollback()
    assert told(house) == []
    ended(house)
    assert [d.state for d in told(house)] == ["waiting"]
    tellings.drop("chat", actor="ada")
    assert not deliver(courier)
    with pytest.raises(WebhookNotFound):
        told(house)


def test_what_is_wrong_is_said_and_only_admins_may(house: House, tellings: Tellings) -> None:
    with pytest.raises(UnsafeAddress):
        tellings.put("chat", "http://10.0.0.1/", actor="ann")
    with pytest.raises(InvalidName):
        tellings.put("No Good", "http://127.0.0.1/", actor="ann")
    wrongs: list[dict[str, Any]] = [{"states": ["running"]}, {"states": []}, {"secret": "short"}]
    for wrong in wrongs:
        with pytest.raises(InvalidRequest):
            tellings.put("chat", "http://127.0.0.1/", actor="ann", **wrong)
    _, secret = tellings.put("chat", "http://127.0.0.1/", actor="ann")
    assert secret is not None
    assert tellings.put("chat", "http://127.0.0.1/2", actor="ann", held=True)[1] is None, "it keeps its secret, untold"
    ended(house)
    assert told(house) == []
    manager = Tellings(house.control.acting_for(Caller("bob", Role.MANAGER, token=2)))
    for act in (
        manager.every,
        lambda: manager.put("x", "http://127.0.0.1/", actor="bob"),
        lambda: manager.drop("chat", actor="ada"),
    ):
        with pytest.raises(NotAllowed):
            act()
