"""The commands about who may come in, as whoever looks after the installation uses them."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.cli.running import COMMAND, environ
from waystation.errors import WrongToken
from waystation.gate import Gate
from waystation.wiring import House


def run(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """One command on this installation."""
    return subprocess.run([*COMMAND, *words], env=environ(**env), capture_output=True, text=True, timeout=60)


def test_a_token_is_made_listed_and_revoked(house: House) -> None:
    env = {**house.settings.environ(), "WAYSTATION_ACTOR": "ops"}
    made = run(env, "token", "create", "ada", "--role", "operator", "--expires", "90d", "--group", "payroll")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert secret not in made.stderr
    assert house.gate.caller(secret).name == "ada"
    listed = run(env, "token", "list", "--json")
    (ada,) = json.loads(listed.stdout)["tokens"]
    assert (ada["name"], ada["role"], ada["groups"], ada["created_by"]) == ("ada", "operator", ["payroll"], "ops")
    assert secret not in listed.stdout
    assert "ada" in run(env, "token", "list").stdout
    assert run(env, "token", "create", "ada", "--role", "viewer").returncode == 4
    wrong = run(env, "token", "create", "bob", "--role", "viewer", "--expires", "soon")
    assert (wrong.returncode, "90d" in wrong.stderr) == (2, True)
    assert run(env, "token", "revoke", "ada").returncode == 0
    assert run(env, "token", "revoke", "ada").returncode == 3
    with pytest.raises(WrongToken):
        Gate(house.database).caller(secret)


def test_a_dataset_is_given_to_a_group_and_back(house: House) -> None:
    env = house.settings.environ()
    assert "payroll" in run(env, "restrict", "dataset", "salaries", "--group", "payroll").stdout
    assert [(r.scope, r.name, r.groups) for r in house.gate.restrictions()] == [("dataset", "salaries", frozenset({"payroll"}))]
    assert "everybody" in run(env, "restrict", "dataset", "salaries").stdout
    assert house.gate.restrictions() == []
