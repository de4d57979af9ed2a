"""Homes to lodge in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.guests import GONE, copy_of, nothing_left
from tests.support import wait_until
from waystation.local import lodge


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose data are made already; nobody lives in it between two tests."""
    home = tmp_path_factory.mktemp("made") / "home"
    with lodge(home):
        pass
    wait_until(lambda: nothing_left(home), GONE)
    return home


@pytest.fixture
def home(made_home: Path) -> Iterator[Path]:
    """A home with data, lent. Nothing of it may run when the test has ended."""
    yield made_home
    wait_until(lambda: nothing_left(made_home), GONE)


@pytest.fixture
def own_home(made_home: Path, tmp_path: Path) -> Iterator[Path]:
    """A home with data, to be spoilt."""
    copied = copy_of(made_home, tmp_path / "home")
    yield copied
    wait_until(lambda: nothing_left(copied), GONE)


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Path]:
    """A home that is not there yet."""
    yield tmp_path / "new"
    wait_until(lambda: nothing_left(tmp_path / "new"), GONE)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="open-", dir="/tmp"))
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)
