"""docs/tutorial.md, from an empty folder to its end; and that ten lines are all that it takes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.walkthrough.tutorial import BLOCK, PAGE, follow


@pytest.mark.long
def test_the_tutorial_holds_word_for_word(tmp_path: Path) -> None:
    reader = follow(tmp_path, Path(sys.executable).parent)
    printed = "\n".join(reader.said)
    for words in ("letters.write", "paused", "stopped", "succeeded", "undone", "2 passed"):
        assert words in printed, words


def test_its_kind_has_ten_lines() -> None:
    shop = next(m[3] for m in BLOCK.finditer(PAGE) if m[3].startswith("# shop.py"))
    kind = shop[shop.index("class Params") :]
    assert len([line for line in kind.splitlines() if line.strip()]) <= 10
