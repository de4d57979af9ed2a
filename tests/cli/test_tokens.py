"""The commands about who may come in, as whoever looks after the installation uses them."""

from __future__ import annotations

import json

import pytest

from tests.cli.running import run
from waystation.errors import WrongToken
from waystation.gate import Gate
from waystation.wiring import House


def test_a_token_is_made_listed_and_revoked(house: House) -> None:
    env = {**house.settings.environ(), "WAYSTATION_ACTOR": "ops"}
    made = run("token", "create", "ada", "--role", "operator", "--expires", "90d", "--group", "payroll", **env)
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert secret not in made.stderr
    assert house.gate.caller(secret).name == "ada"
    listed = run("token", "list", "--json", **env)
    (ada,) = json.loads(listed.stdout)["tokens"]
    assert (ada["name"], ada["role"], ada["groups"], ada["created_by"]) == ("ada", "operator", ["payroll"], "ops")
    assert secret not in listed.stdout
    assert "ada" in run("token", "list", **env).stdout
    assert run("token", "create", "ada", "--role", "viewer", **env).returncode == 4
    wrong = run("token", "create", "bob", "--role", "viewer", "--expires", "soon", **env)
    assert (wrong.returncode, "90d" in wrong.stderr) == (2, True)
    assert run("token", "revoke", "ada", **env).returncode == 0
    assert run("token", "revoke", "ada", **env).returncode == 3
    with pytest.raises(WrongToken):
        Gate(house.database).caller(secret)


def test_a_dataset_is_given_to_a_group_and_back(house: House) -> None:
    env = house.settings.environ()
    assert "payroll" in run("restrict", "dataset", "salaries", "--group", "payroll", **env).stdout
    assert [(r.scope, r.name, r.groups) for r in house.gate.restrictions()] == [("dataset", "salaries", {"payroll"})]
    assert "everybody" in run("restrict", "dataset", "salaries", **env).stdout
    assert house.gate.restrictions() == []
