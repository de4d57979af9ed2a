"""A house with a token of each role, and clients that show one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from waystation.access import Role
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.wiring import House

Ask = Callable[[str | None], FlaskClient]


@pytest.fixture
def tokens(house: House) -> dict[str, str]:
    """A token of each role."""
    return a_token_of_each_role(house)


def a_token_of_each_role(house: House) -> dict[str, str]:
    """The secrets of tokens that are called as their roles, but for the admin's, whose name is `root`."""
    names = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "manager": Role.MANAGER, "root": Role.ADMIN}
    return {name: house.gate.create(name, role, actor="test")[1] for name, role in names.items()}


@pytest.fixture
def app(house: House) -> Iterator[Flask]:
    """The application of a house without a worker."""
    made = create_app(house)
    yield made
    doorstep_of(made).hub.close()


@pytest.fixture
def as_(app: Flask, tokens: dict[str, str]) -> Ask:
    """A client that shows the token of this name; None: no token."""

    def client(name: str | None) -> FlaskClient:
        made = app.test_client()
        if name is not None:
            made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens[name]}"
        return made

    return client
