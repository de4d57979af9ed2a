"""examples/teams.py against its slow, flaky service: whatever happens, no team is created twice and none is left after a stop.

`make prove-teams` runs it with 2,000 teams and prints the figures.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from examples.team_service import Books, serve

from tests.support import at_state, children, wait_until
from waystation.model import State, Task, Verb
from waystation.wiring import House

TEAMS = int(os.environ.get("TEAMS", "240"))
SECONDS = float(os.environ.get("CALL_SECONDS", "0.02"))  # a call takes
FLAKY = 0.02
TOWN = {"kinds": ("examples.teams",), "slots": 1}
PATIENCE = 60 + TEAMS * SECONDS * 4


@contextmanager
def service(seconds: float = SECONDS, flaky: float = FLAKY) -> Iterator[tuple[Books, str]]:
    """A team service in this process: its books, and its address."""
    books = Books(seconds, flaky)
    server = serve(0, books)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield books, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def begin(house: House, address: str, rows: int = TEAMS) -> Task:
    with house.control.receive("teams.csv", actor="ann") as writer:
        writer.write(b"name,phone\n" + "".join(f"team {n},+49 {n:05}\n" for n in range(rows)).encode())
        upload = writer.commit()
    made, _ = house.control.submit("teams.create", {"upload": str(upload.id), "service": address}, actor="ann")
    return made


def at(house: House, task: Task, part: float) -> Task:
    """Once so much of it is done."""

    def there() -> Task | None:
        now = house.control.get(task.id)
        assert now.state in (State.RUNNING, State.QUEUED), f"{now.state}: {now.error}"
        return now if now.done >= part * TEAMS else None

    found = wait_until(there, PATIENCE)
    assert found
    return found


def send(house: House, number: signal.Signals) -> None:
    """Send a signal to whoever works on tasks."""
    [worker] = house.control.workers()
    for child in children(worker.pid):
        os.kill(child.pid, number)


def kill(house: House) -> None:
    """Kill whoever works on tasks."""
    send(house, signal.SIGKILL)


def tell(said: str) -> None:
    print(said, flush=True)


def test_paused_resumed_killed_twice_and_stopped_not_a_team_is_left_and_none_was_made_twice(
    town: House,
) -> None:
    with service() as (books, address):
        task = begin(town, address)
        at(town, task, 0.1)
        town.control.act(Verb.PAUSE, task.id, actor="ann")
        paused = at_state(town, task, State.PAUSED)
        before = books.summary()
        assert before["created"] >= paused.done
        assert books.summary() == before, "nothing is on its way once it is paused"
        town.control.act(Verb.RESUME, task.id, actor="ann")
        at(town, task, 0.3)
        kill(town)
        at(town, task, 0.6)

        def between_a_call_and_its_yield() -> bool:
            send(town, signal.SIGSTOP)  # what is looked at stays so
            if books.summary()["created"] > town.control.get(task.id).done:
                return True
            send(town, signal.SIGCONT)
            return False

        wait_until(between_a_call_and_its_yield, PATIENCE, every=0.001)
        kill(town)
        town.control.act(Verb.STOP, task.id, actor="ann", reason="the phone numbers are shifted")
        asked, created = time.monotonic(), books.summary()["created"]
        stopped = at_state(town, task, State.STOPPED, timeout=PATIENCE)
        took = time.monotonic() - asked
        after = books.summary()
        tell(f"{after}; stopped {took:.1f} s after the second kill, of {created} teams; {stopped.attempt} attempts")
        assert after["standing"] == 0
        assert after["names_created_twice"] == []
        assert (stopped.leftovers, stopped.counts["left"]) == ([], 0)
        assert stopped.counts["reversed"] >= stopped.done >= 0.6 * TEAMS


def test_stopped_during_a_pause_not_a_team_is_left(town: House) -> None:
    with service() as (books, address):
        task = begin(town, address)
        at(town, task, 0.4)
        town.control.act(Verb.PAUSE, task.id, actor="ann")
        paused = at_state(town, task, State.PAUSED)
        created, asked = books.summary()["created"], time.monotonic()
        town.control.act(Verb.STOP, task.id, actor="ann")
        at_state(town, task, State.STOPPED, timeout=PATIENCE)
        tell(f"{books.summary()}; stopped in {time.monotonic() - asked:.1f} s, of {created} teams, from a pause")
        assert created >= paused.done
        assert books.summary()["standing"] == 0
        assert books.summary()["names_created_twice"] == []


def test_left_alone_it_makes_each_team_once_and_undo_takes_all_back(town: House) -> None:
    with service() as (books, address):
        task = begin(town, address)
        began = time.monotonic()
        ended = at_state(town, task, State.SUCCEEDED, timeout=PATIENCE)
        tell(f"{books.summary()}; all in {time.monotonic() - began:.1f} s, {ended.attempt} attempts")
        assert (ended.done, ended.total) == (TEAMS, TEAMS)
        assert (books.summary()["standing"], books.summary()["names_created_twice"]) == (TEAMS, [])
        town.control.act(Verb.UNDO, task.id, actor="ann")
        undone = at_state(town, task, State.UNDONE, timeout=PATIENCE)
        assert books.summary()["standing"] == 0
        assert undone.counts == {"reversed": TEAMS, "left": 0}
