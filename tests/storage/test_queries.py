"""Every query is valid against the migrated database, and every one is used."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from waystation.storage import (
    audit,
    datasets,
    effects,
    estimating,
    limits,
    merging,
    reading,
    staging,
    tallies,
    tasks,
    tokens,
    unfinished,
    uploads,
    workers,
)
from waystation.storage.migrate import migrations
from waystation.wiring import House

MODULES = {
    "tasks": tasks,
    "audit": audit,
    "datasets": datasets,
    "effects": effects,
    "staging": staging,
    "limits": limits,
    "tallies": tallies,
    "estimating": estimating,
    "merging": merging,
    "reading": reading,
    "tokens": tokens,
    "unfinished": unfinished,
    "uploads": uploads,
    "workers": workers,
}
QUERIES = [(name, query) for name, module in MODULES.items() for query in module.SQL]


@pytest.mark.parametrize(("module", "query"), QUERIES)
def test_each_query_can_be_planned(shared_house: House, module: str, query: str) -> None:
    text = re.sub(r"%\((\w+)\)s", "NULL", MODULES[module].SQL[query])
    with shared_house.database.connect("ws:test") as connection:
        connection.execute("EXPLAIN " + text)
        connection.rollback()


@pytest.mark.parametrize(("module", "query"), QUERIES)
def test_each_query_is_used(module: str, query: str) -> None:
    source = files("waystation.storage").joinpath(f"{module}.py").read_text()
    assert f'SQL["{query}"]' in source


@pytest.mark.parametrize("module", MODULES)
def test_each_query_has_a_sentence_above_it(module: str) -> None:
    text = files("waystation.storage").joinpath(f"{module}.sql").read_text()
    for found in re.finditer(r"^-- name: (\w+)$", text, re.MULTILINE):
        above = text[: found.start()].rstrip().splitlines()[-1]
        assert above.startswith("-- ")
        assert above.rstrip().endswith((".", "?", ".)")), found[1]


def test_migrations_are_numbered_without_gaps() -> None:
    assert [m.number for m in migrations()] == list(range(1, len(migrations()) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z0-9_]+\.sql", m.name) for m in migrations())
