"""The examples do what they say: run, killed on the way and taken back, with what they leave compared."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from examples import mandelbrot, mirror_api, orders_rebuild, people_service

from tests.support import wait_until
from waystation.model import State, Task
from waystation.workshop import Workshop

ORDERS = 23


@contextmanager
def people(number: int, flaky: float = 0.0) -> Iterator[str]:
    server = people_service.serve(0, number, flaky)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def totals(waystation: Workshop) -> dict[int, Decimal]:
    return {r["id"]: r["total"] for r in waystation.db.execute("SELECT id, total FROM public.orders")}


@pytest.mark.parametrize("kill", [{"kill_after": 2}, pytest.param({"kill_before": 3}, marks=pytest.mark.long)], ids=str)
def test_orders_are_rebuilt_once_and_put_back(waystation: Workshop, kill: dict[str, int]) -> None:
    for statement in orders_rebuild.SCHEMA.split(";"):
        waystation.db.execute(statement.encode())
    for id in range(1, ORDERS + 1):
        waystation.db.execute("INSERT INTO public.orders VALUES (%s, %s, 1)", (id, "bonn" if id % 4 else "ulm"))
        waystation.db.execute("INSERT INTO public.order_lines VALUES (%s, 2, %s), (%s, 1, 0.5)", (id, id, id))
    before = totals(waystation)
    done = waystation.run(orders_rebuild.rebuild, {"shop": "bonn", "page": 5}, **kill)
    assert (done.state, done.attempt, done.done, done.total) == (State.SUCCEEDED, 2, 18, 18)
    assert totals(waystation) == {id: id * 2 + Decimal("0.5") if id % 4 else Decimal(1) for id in before}
    undone = waystation.undo(done, kill_after=1)
    assert (undone.state, totals(waystation)) == (State.UNDONE, before)


def test_a_picture_is_the_same_to_the_byte_when_its_worker_is_killed(waystation: Workshop) -> None:
    params = {"width": 50, "height": 20, "depth": 30}
    whole = waystation.result(waystation.run(mandelbrot.draw, params))
    killed = waystation.run(mandelbrot.draw, params, kill_before=7)
    assert killed.attempt == 2
    assert waystation.result(killed) == whole
    sign, size, at = struct.unpack("<2sI4xI", whole[:14])
    assert (sign, size, len(whole) - at) == (b"BM", len(whole), 52 * 20)
    middle = whole[at + 52 * 10 :][:50]
    assert middle[0] == 255, "outside at once"
    assert middle[35] == 0, "zero is inside"


def rows(waystation: Workshop) -> list[tuple[int, str, str, object]]:
    query = "SELECT id, name, born::text, tags FROM datasets.people ORDER BY _row"
    return [(r["id"], r["name"], r["born"], r["tags"]) for r in waystation.db.execute(query)]


def wanted(number: int) -> list[tuple[int, str, str, object]]:
    return [(p["id"], p["name"], p["born"], p["tags"]) for p in map(people_service.person, range(1, number + 1))]


@pytest.mark.parametrize("kill", [pytest.param({"kill_after": 2}, marks=pytest.mark.long), {"kill_before": 3}], ids=str)
def test_an_api_is_mirrored_row_by_row_and_replaces_what_was_there(waystation: Workshop, kill: dict[str, int]) -> None:
    with people(60) as service:
        first = waystation.run(mirror_api.mirror, {"service": service})
        assert (first.state, rows(waystation)) == (State.SUCCEEDED, wanted(60))
    with people(230, flaky=0.2) as service:
        second = waystation.run(mirror_api.mirror, {"service": service}, **kill)
        assert (second.state, second.result and second.result["rows"]) == (State.SUCCEEDED, 230)
        assert rows(waystation) == wanted(230)
        _is_in_the_ledger(waystation, second)
    assert waystation.undo(second).state is State.UNDONE
    assert rows(waystation) == wanted(60)


def _is_in_the_ledger(waystation: Workshop, task: Task) -> None:
    query = (
        "SELECT c.first_row, c.last_row, c.zones FROM chunks c JOIN batches b ON b.id = c.batch WHERE b.task = %s ORDER BY 1"
    )
    found = list(waystation.db.execute(query, (task.id,)))
    assert [(c["first_row"], c["last_row"]) for c in found] == [(1, 50), (51, 100), (101, 150), (151, 200), (201, 230)]
    born = sorted(str(people_service.person(id)["born"]) for id in range(1, 51))
    assert found[0]["zones"] == {"born": [born[0], born[-1], 50]}, "an export by date knows what it can pass over"


def test_a_stopped_mirror_leaves_nothing(waystation: Workshop) -> None:
    with people(230) as service:
        task = waystation.start(mirror_api.mirror, {"service": service})
        assert waystation.stop(task).state is State.STOPPED
    wait_until(lambda: waystation.control.datasets() == [])
