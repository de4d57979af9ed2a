"""docs/sdk.md: its examples are run as the tests that they are, and nothing that an author may use is left out."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environ
from waystation import sdk
from waystation.sdk import Context, task
from waystation.workshop import Workshop

PAGE = (Path(__file__).resolve().parents[2] / "docs/sdk.md").read_text(encoding="utf-8")


@pytest.mark.long
def test_every_example_holds(tmp_path: Path) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "test_page.py").write_text("\n\n".join(examples), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"],
        cwd=tmp_path,
        env=environ(WAYSTATION_LOG="error"),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PAGE.count(chr(10) + 'def test_')} passed" in done.stdout


def test_all_that_an_author_may_use_is_on_it() -> None:
    source = inspect.getsource(Context)
    for_authors = source[source.index("# -- for the author") : source.index("# -- for the runner")]
    names = [f"ctx.{name}" for name in re.findall(r"\n    def ([a-z]\w*)", for_authors)]
    assert len(names) > 15
    names += [f"`{name}`" for name in inspect.signature(task).parameters if name != "name"]
    names += [name for name in sdk.__all__ if name in ("Checkpoint", "Context", "Effect", "Look", "Retry", "Steps", "task")]
    names += [f"`{name}`" for name, value in vars(Workshop).items() if callable(value) and name in ("stop", "undo", "upload")]
    assert [name for name in names if name not in PAGE] == []
