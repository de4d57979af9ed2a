"""What needs no server: help, generate, and what is said when none answers."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.running import run
from waystation.cli import cli
from waystation.errors import DatabaseUnavailable

NOBODY = "http://127.0.0.1:9"


def commands(group: click.Group) -> Iterator[click.Command]:
    """Those of the group, and of the groups in it."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from commands(command)
        else:
            yield command


@pytest.mark.parametrize("command", list(commands(cli)), ids=lambda c: c.name or "")
def test_every_command_explains_itself_and_answers_in_json(command: click.Command) -> None:
    assert command.help
    assert "--json" in {o for p in command.params for o in p.opts}
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.hidden and not p.help] == []


def test_help_needs_no_settings() -> None:
    done = run("--help", WAYSTATION_PORT="nonsense")
    assert done.returncode == 0
    assert "waystation upload people.csv --wait" in done.stdout


def test_generate_makes_the_same_file_for_the_same_seed(tmp_path: Path) -> None:
    out = tmp_path / "people.csv"
    done = run("generate", "--rows", "12345", "--seed", "7", "--out", str(out))
    assert done.returncode == 0
    assert "12,345 rows" in done.stdout
    piped = run("generate", "--rows", "12345", "--seed", "7", "--out", "-")
    assert piped.stdout == out.read_text()
    rows = list(csv.DictReader(io.StringIO(piped.stdout, newline="")))
    assert len(rows) == 12345
    assert list(rows[0]) == ["name", "age", "phone", "email", "address", "record_date"]
    assert run("generate", "--rows", "12345", "--out", "-").stdout != piped.stdout


def test_nobody_answers() -> None:
    done = run("tasks", "--url", NOBODY)
    assert done.returncode == 6
    assert f"No Waystation answers at {NOBODY}: Connection refused." in done.stderr
    assert "waystation up" in done.stderr


def test_errors_are_problems_for_programs() -> None:
    done = run("--json", "tasks", WAYSTATION_URL=NOBODY)
    assert (done.returncode, done.stdout) == (6, "")
    assert json.loads(done.stderr)["code"] == "server-not-reachable"


@pytest.mark.parametrize(
    "arguments",
    [
        ["upload", "/no/such/file"],
        ["upload", __file__, "--type", "age"],
        ["upload", __file__, "--type", "age=number"],
        ["tasks", "--state", "lost"],
        ["tasks", "--limit", "0"],
        ["pause"],
        ["retry", "x", "--set", "max_errors"],
        ["submit", "generate", "{"],
        ["generate", "--rows", "-1"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_told_before_any_server_is_asked(arguments: list[str]) -> None:
    done = run(*arguments, WAYSTATION_URL=NOBODY)
    assert done.returncode == 2
    assert "Error:" in done.stderr


def test_an_address_that_is_none() -> None:
    done = run("tasks", "--url", "ftp://example")
    assert done.returncode == 2
    assert "http://HOST:PORT" in done.stderr


def test_migrate_waits_for_a_database_and_says_so(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        where = f"host=127.0.0.1 port={nobody.getsockname()[1]} dbname=x user=x"
        done = run(
            "migrate", "--wait", "0.5", DATABASE_URL=where, REDIS_URL="redis://127.0.0.1:1", WAYSTATION_HOME=str(tmp_path)
        )
    assert done.returncode == DatabaseUnavailable.exit_code
    assert "Waiting for it" in done.stderr
    assert "Error: No database answers at" in done.stderr
    assert "Traceback" not in done.stderr
