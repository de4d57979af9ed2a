"""The image's files: locked with hashes, in step with pyproject.toml, and without what has no business in an image."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "image"
LOCKS = sorted(FOLDER.glob("*.lock"))
EXTRAS = {path.stem.removeprefix("requirements-"): path for path in FOLDER.glob("requirements-*.lock")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(path: Path) -> dict[str, str]:
    """Each package of a lock with its version."""
    found = re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", path.read_text(), re.MULTILINE | re.IGNORECASE)
    return {canonicalize_name(name): version for name, version in found}


def left_out() -> set[str]:
    lines = (FOLDER / "without.txt").read_text().splitlines()
    return {canonicalize_name(Requirement(line).name) for line in lines if line and not line.startswith("#")}


def test_the_lock_holds_all_that_pyproject_asks_for_but_the_private_servers() -> None:
    """After a change to the dependencies: `make lock`."""
    have = locked(FOLDER / "requirements.lock")
    for requirement in map(Requirement, PROJECT["dependencies"]):
        name = canonicalize_name(requirement.name)
        if name in left_out():
            assert name not in have
        else:
            assert requirement.specifier.contains(have.get(name, "none: run `make lock`"))


def test_the_extras_are_those_that_serve_at_run_time() -> None:
    assert EXTRAS.keys() == PROJECT["optional-dependencies"].keys() - {"dev", "bench", "fuzz", "s3", "security"}
    (made,) = re.findall(r"^EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(made.split()) == EXTRAS.keys()


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_lock_of_an_extra_holds_what_it_adds_and_nothing_else(extra: str) -> None:
    base, have = locked(FOLDER / "requirements.lock"), locked(EXTRAS[extra])
    assert not base.keys() & have.keys(), "two files would have to agree on it"
    for requirement in map(Requirement, PROJECT["optional-dependencies"][extra]):
        found = (base | have).get(canonicalize_name(requirement.name), "none: run `make lock`")
        assert requirement.specifier.contains(found)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_each_package_by_hashes_and_names_no_host(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert locked(lock)
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "==" in block
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


def test_only_what_is_named_gets_into_a_build() -> None:
    rules = (ROOT / ".dockerignore").read_text().split()
    first = next(rule for rule in rules if rule in ("*", "**"))
    assert first == "*"
    allowed = {rule for rule in rules if rule.startswith("!")}
    assert allowed == {
        "!LICENSE",
        "!MANIFEST.in",
        "!README.md",
        "!pyproject.toml",
        "!setup.py",
        "!src/waystation",
        "!deploy/image/*.lock",
    }


def test_the_image_ends_without_root_without_a_compiler_and_with_a_health_check() -> None:
    build, final = re.split(r"^FROM \$\{PYTHON\}.*$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    assert "gcc" in build
    assert "apt-get" not in final
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*waystation\.health", final, re.MULTILINE)
    assert 'VOLUME ["/data", "/tmp"]' in final
    for label in ("title", "version", "revision", "licenses"):
        assert f"org.opencontainers.image.{label}=" in final


def test_every_compiled_part_must_be_in_the_image() -> None:
    """They are optional in setup.py: a build that left one out would be slower, and nobody would be told."""
    modules = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts) for path in (ROOT / "src").rglob("*.c")]
    assert modules
    (line,) = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if "-c 'import waystation" in line]
    assert all(module in line for module in modules), modules
