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
FILES = re.findall(
    r"```sh\n(waystation download [^\n]* --out (\S+\.\w+))\n```\n```python\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL
)
EXAMPLES = re.findall(r"```sh\n(waystation download [^\n]* --out -)\n```\n```\w+\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def desk(servers: Servers) -> Iterator[House]:
    """A house without a worker that holds the page's dataset."""
    with fresh_settings(servers) as settings, open_house(settings, migrating=False) as made:
        found = re.search(r"<!-- data: people -->\n```csv\n(.*?)```", PAGE, re.DOTALL)
        assert found is not None
        done(made, send(made, found[1].encode(), dataset="people"))
        yield made


def asked_by(command: str) -> dict[str, object]:
    """What a command of the page asks of the export."""
    given = download.make_context("download", shlex.split(command)[2:]).params
    return {name.rstrip("_"): value for name, value in given.items() if value and name not in ("out", "no_wait", "key")}


@pytest.mark.parametrize(("command", "output"), EXAMPLES)
def test_an_example_prints_what_the_page_says(desk: House, command: str, output: str) -> None:
    assert exported(desk, **asked_by(command)).decode() == output


@pytest.mark.parametrize(("command", "name", "code", "output"), FILES)
def test_a_file_is_read_as_the_page_says(
    desk: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    code: str,
    output: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(exported(desk, **asked_by(command)))
    exec(code, {})
    assert capsys.readouterr().out == output


def test_every_option_is_on_the_page() -> None:
    assert (len(EXAMPLES) >= 9, len(FILES)) == (True, 2)
    for name in ExportOptions.model_fields:
        assert f"--{name}" in PAGE, name
        assert any(f"--{name}" in parameter.opts for parameter in download.params), name
