"""docs/how-to-import.md: each file is imported by the command below it, and what comes of it compared."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attempts import work
from tests.conftest import fresh_settings
from tests.promises.exporting import done, exported
from tests.support import send
from waystation.cli.data import upload
from waystation.cli.importing import asked
from waystation.kinds.request import ImportOptions
from waystation.local import Servers
from waystation.wiring import House, open_house

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to-import.md").read_text(encoding="utf-8")
BLOCK = r"```csv\n((?:(?!```).)*)```\n"
EXAMPLES = re.findall(rf"(?:{BLOCK})?{BLOCK}```sh\n(waystation upload [^\n]*)\n```\n```(csv|text)\n(.*?)```", PAGE, re.DOTALL)
NAMES = itertools.count()
OPTIONS = {*ImportOptions.model_fields, "no_header"}


@pytest.fixture(scope="module")
def desk(servers: Servers) -> Iterator[House]:
    """A house without a worker."""
    with fresh_settings(servers) as settings, open_house(settings, migrating=False) as made:
        yield made


def options_of(command: str, folder: Path) -> dict[str, Any]:
    """What a command line asks of its import."""
    words = shlex.split(command)[2:]
    (folder / words[0]).touch()
    with upload.make_context("upload", [str(folder / words[0]), *words[1:]]) as context:
        given = {name: value for name, value in context.params.items() if name in OPTIONS}
    return dict(asked(**given))


@pytest.mark.parametrize(("before", "file", "command", "form", "output"), EXAMPLES, ids=[e[2] for e in EXAMPLES])
def test_an_example_does_what_the_page_says(
    desk: House, tmp_path: Path, before: str, file: str, command: str, form: str, output: str
) -> None:
    name = f"page_{next(NAMES)}"
    if before:
        done(desk, send(desk, before.encode(), dataset=name))
    options = options_of(command, tmp_path)
    task = send(desk, file.encode(options.get("encoding", "utf-8")), dataset=name, **options)
    if form == "text":
        work(desk)
        error = desk.control.get(task.id).error
        assert error is not None
        assert f"{error['detail']}\n" == output
        return
    done(desk, task)
    if output.split("\n", 1)[0].endswith("_line,_error"):
        assert b"".join(desk.control.rejects(task.id)).decode() == output
    else:
        assert exported(desk, dataset=name).decode() == output


def test_every_option_has_an_example() -> None:
    shown = " ".join(command for _, _, command, _, _ in EXAMPLES)
    words = {param.name: param.opts for param in upload.params}
    for name in ImportOptions.model_fields:
        assert any(option in shown for option in words[name]), name
    assert len(EXAMPLES) >= 20
