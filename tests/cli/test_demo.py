"""`make demo` in small: every check holds, and nothing is left of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import of_home, run


@pytest.mark.long
def test_the_demo_holds_what_it_says_and_leaves_nothing(tmp_path: Path) -> None:
    done = run("demo", "--rows", "100000", "--json", timeout=120, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["failed"] is None
    rows = {step["step"]: step["rows"] for step in told["steps"]}
    assert rows["generate"] == rows["import, resumed"] == 100_000
    assert rows["worker slots in use"] == rows["second import, stopped half-way"] == rows["first import, undone"] == 0
    assert list(tmp_path.iterdir()) == []
    assert of_home(tmp_path) == []
