"""docs/how-to-export.md: each command that prints its file is run, and what it prints compared."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import fresh_settings
from tests.promises.exporting import done, exported
from tests.support import send
from waystation.cli.data import download
from waystation.kinds.export_options import ExportOptions
from waystation.local import Servers
from waystation.wiring import House, open_house

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to-export.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(waystation download [^\n]* --out -)\n```\n```\w+\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def desk(servers: Servers) -> Iterator[House]:
    """A house without a worker that holds the page's dataset."""
    with fresh_settings(servers) as settings, open_house(settings, migrating=False) as made:
        found = re.search(r"<!-- data: people -->\n```csv\n(.*?)```", PAGE, re.DOTALL)
        assert found is not None
        done(made, send(made, found[1].encode(), dataset="people"))
        yield made


@pytest.mark.parametrize(("command", "output"), EXAMPLES)
def test_an_example_prints_what_the_page_says(desk: House, command: str, output: str) -> None:
    given = download.make_context("download", shlex.split(command)[2:]).params
    asked = {name.rstrip("_"): value for name, value in given.items() if value and name not in ("out", "no_wait", "key")}
    assert exported(desk, **asked).decode() == output


def test_every_option_is_on_the_page() -> None:
    assert len(EXAMPLES) >= 9
    for name in ExportOptions.model_fields:
        assert f"--{name}" in PAGE, name
        assert any(f"--{name}" in parameter.opts for parameter in download.params), name
