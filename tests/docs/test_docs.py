"""The docs say what the code does: pages made from code are fresh, links lead somewhere, targets exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_pages_made_from_code_are_fresh() -> None:
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stale_page_is_noticed(tmp_path: Path) -> None:
    copy = tmp_path / "docs"
    copy.mkdir()
    (copy / "generate.py").write_bytes((ROOT / "docs/generate.py").read_bytes())
    for page in ("settings.md", "errors.md", "cli.md"):
        (copy / page).write_bytes((ROOT / "docs" / page).read_bytes())
    (tmp_path / "README.md").write_bytes((ROOT / "README.md").read_bytes())
    (copy / "errors.md").write_text("old")
    done = subprocess.run([sys.executable, copy / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "docs/errors.md" in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_help_lists_every_target() -> None:
    made = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make ([\w-]+) +\S", made, re.MULTILINE) == phony[1].split()


def test_the_tree_in_the_readme_is_the_tree() -> None:
    listed = re.search(r"## Where things are\n\n```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert listed is not None
    for line in listed[1].splitlines():
        folder = ROOT if not line.startswith("  ") else ROOT / "src/waystation"
        for name in re.findall(r"(?<![\w/.])[\w/]+(?:/|\.py)(?=\s)", line.split("   ")[0] + " "):
            assert (folder / name).exists(), name
