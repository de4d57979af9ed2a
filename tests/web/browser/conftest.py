"""One browser, one server and one worker for all browser tests of a module; each test gets visitors of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.web.browser.chromium import ABSENT, Visitor, executable, launched
from tests.web.serving import Served
from waystation.wiring import House

Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium. Without one the tests are skipped, or fail where BROWSER_TESTS=required."""
    path = executable()
    if path is None:
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(ABSENT)
        pytest.skip(ABSENT)
    with launched(path) as running:
        yield running


@pytest.fixture(scope="module")
def served(browser: Browser, town: House) -> Iterator[Served]:
    """The real web server of the module's town."""
    server = Served(town.settings.model_copy(update={"port": 0}))
    yield server
    server.end()


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """People who come with a browser; what their pages complained about fails the test at its end."""
    visitors: list[Visitor] = []

    def come(port: int | None = None, **options: Any) -> Visitor:
        visitors.append(Visitor(browser, f"http://127.0.0.1:{port or served.port}", **options))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
    assert [one for visitor in visitors for one in visitor.complaints] == []
