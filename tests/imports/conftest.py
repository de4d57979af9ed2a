"""A desk: a house where the test itself works on what it submits, step by step if it likes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import fresh_settings
from tests.support import send
from waystation.local import Servers
from waystation.model import State, Task
from waystation.reaper import rescue
from waystation.runner import Attempt, Shop, hear
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.wiring import House, open_house


class Killed(BaseException):
    """The worker of an attempt is gone, in the middle of a step."""


@dataclass
class Desk:
    """Submits to a house and works in it."""

    house: House

    def shop(self, **more: Any) -> Shop:
        house = self.house
        return Shop(house.database, house.registry, house.files, house.settings, "desk", ring=lambda queue: True, **more)

    def work(self) -> None:
        """Work until nothing waits."""
        while hear(self.shop(), "default"):
            pass

    def run(self, data: bytes, name: str = "data.csv", **params: Any) -> Task:
        """Import a file; the task at its end, which must be good."""
        task = self.end(send(self.house, data, name, **params))
        assert task.state is State.SUCCEEDED, task.error
        return task

    def end(self, task: Task) -> Task:
        """Work, and see what became of a task."""
        self.work()
        return self.house.control.get(task.id)

    def step(self, checkpoints: int = 1) -> bool:
        """One attempt that gives its task back after so many checkpoints; False if nothing waited."""
        asked = itertools.count()
        return hear(self.shop(draining=lambda: next(asked) >= checkpoints), "default")

    def killed_after(self, checkpoints: int, monkeypatch: pytest.MonkeyPatch) -> bool:
        """One attempt whose worker dies after so many checkpoints; False if it came to its end before."""
        left = itertools.count(checkpoints, -1)
        save = Attempt._save

        def dying(attempt: Attempt, point: Any) -> bool:
            if next(left) == 0:
                raise Killed
            return save(attempt, point)

        with monkeypatch.context() as patch:
            patch.setattr(Attempt, "_save", dying)
            try:
                hear(self.shop(), "default")
            except Killed:
                pass
            else:
                return False
        with self.house.database.connect("ws:desk") as connection:
            row = connection.execute(
                "UPDATE tasks SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL RETURNING id"
            )
            [found] = row.fetchall()
            connection.commit()
            assert rescue(connection, self.house.control.get(found["id"]), cap=100, actor="desk") is not None
        return True


@pytest.fixture(scope="module")
def desk(servers: Servers, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk for the tests of a module (`HOUSE = {...}` in the module gives settings)."""
    with (
        fresh_settings(servers, **getattr(request.module, "HOUSE", {})) as settings,
        open_house(settings, migrating=False) as house,
    ):
        yield Desk(house)


@pytest.fixture
def client(desk: Desk) -> Iterator[FlaskClient]:
    """A client on the desk's house."""
    app = create_app(desk.house)
    yield app.test_client()
    doorstep_of(app).hub.close()
