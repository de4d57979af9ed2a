"""One house and its application for all tests of a module, with a token of each role."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.access.conftest import a_token_of_each_role
from waystation.web.app import create_app
from waystation.web.current import doorstep_of
from waystation.wiring import House


@pytest.fixture(scope="module")
def house(shared_house: House) -> House:
    """One house for all of them."""
    return shared_house


@pytest.fixture(scope="module")
def app(house: House) -> Iterator[Flask]:
    """Its application."""
    made = create_app(house)
    yield made
    doorstep_of(made).hub.close()


@pytest.fixture(scope="module")
def tokens(house: House) -> dict[str, str]:
    """A token of each role."""
    return a_token_of_each_role(house)
