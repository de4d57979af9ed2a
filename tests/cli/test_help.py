"""Help that teaches: examples that the command line can read, every exit code, completion in three shells, profiles."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import click
import pytest

from tests.cli.running import COMMAND, Up, environ, run
from tests.cli.terminal import terminal
from tests.support import wait_until
from waystation.cli import ELSEWHERE, EXIT_CODES, cli
from waystation.cli.examples import EXAMPLES
from waystation.client import Client
from waystation.errors import table

LINES = [(name, line) for name, examples in EXAMPLES.items() for line, _ in examples]


def test_every_command_has_an_example_and_shows_it() -> None:
    assert set(EXAMPLES) == set(cli.commands)
    for name, command in cli.commands.items():
        text = command.get_help(click.Context(command, info_name=name, terminal_width=200))
        for line, what in EXAMPLES[name]:
            assert f"waystation {line}" in text
            assert what in text


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_each_example_can_be_read(name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("people.csv", "teams.csv"):
        Path(file).write_text("a\n1\n")
    said, *arguments = shlex.split(line)
    assert said == name
    with cli.commands[name].make_context(name, arguments):
        pass


def test_every_exit_code_is_explained() -> None:
    assert {e.exit_code for e in table()} <= set(EXIT_CODES)
    text = run("--help").stdout
    for code, said in EXIT_CODES.items():
        assert f"{code}  {said}" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert f"_WAYSTATION_COMPLETE={shell}_complete" in done.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=done.stdout, text=True, check=True)


def complete(line: str, **env: str) -> list[str]:
    """What bash would be offered for the last word of the line."""
    words = line.split(" ")
    asked = environ(_WAYSTATION_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), **env)
    # bash calls it by the program's name.
    program = [COMMAND[0], "-c", "from waystation.cli import main; main()"]
    done = subprocess.run(program, env=asked, capture_output=True, text=True, timeout=60)
    return [found.partition(",")[2] for found in done.stdout.split()]


def test_completion_knows_what_the_server_has(up: Up) -> None:
    client = Client(up.url, actor="eve")
    task = client.submit("generate", {"rows": 50_000_000}).pause().wait(timeout=60)
    assert "upload" in complete("waystation upl")
    assert "paused" in complete("waystation tasks --state p")
    assert complete(f"waystation resume {task.id[:6]}", WAYSTATION_URL=up.url) == [task.id]
    assert complete(f"waystation undo {task.id[:6]}", WAYSTATION_URL=up.url) == []  # that can't be done to it
    assert "import" in complete(f"waystation --url {up.url} submit im")
    assert complete("waystation resume ", WAYSTATION_URL="http://127.0.0.1:9") == []
    task.stop().wait(timeout=60)


def test_what_loses_work_is_asked_about_on_a_terminal(up: Up) -> None:
    client = Client(up.url, actor="eve")
    task = client.upload(Path(__file__), dataset=f"h{uuid4().hex[:8]}", options={"delimiter": "\x1f"}).wait(timeout=60)
    with terminal("undo", task.id, WAYSTATION_URL=up.url) as screen:
        wait_until(lambda: "Undo it? [y/N]:" in screen.text(), 30)
        assert "rows" in screen.text()
        screen.type("n\n")
        assert screen.end() == 1
    assert task.refresh().status == "succeeded"
    with terminal("undo", task.id, "--wait", WAYSTATION_URL=up.url) as screen:
        wait_until(lambda: "[y/N]:" in screen.text(), 30)
        screen.type("y\n")
        assert screen.end() == 0
    assert task.refresh().status == "undone"
    with terminal("undo", task.id, "--yes", WAYSTATION_URL=up.url) as screen:
        assert screen.end() == 0
        assert "[y/N]" not in screen.text()


def test_a_profile_names_a_server(up: Up, tmp_path: Path) -> None:
    folder = tmp_path / "waystation"
    folder.mkdir()
    (folder / "secret").write_text("abc\n")
    profiles = folder / "profiles.toml"
    profiles.write_text(f'[here]\nurl = "{up.url}"\nactor = "pat"\ntoken_file = "{folder / "secret"}"\n[wrong]\nport = 1\n')
    done = run("--profile", "here", "submit", "generate", '{"rows": 1}', "--json", XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert '"created_by": "pat"' in done.stdout
    for name, says in (("there", "there are: here, wrong"), ("wrong", "'port'")):
        refused = run("tasks", WAYSTATION_PROFILE=name, XDG_CONFIG_HOME=str(tmp_path))
        assert (refused.returncode, says in refused.stderr) == (8, True), refused.stderr
    assert run("tasks", "--profile", "x", XDG_CONFIG_HOME=str(tmp_path / "none")).returncode == 8


@pytest.mark.parametrize(("typed", "ours"), [("import", "upload"), ("logs", "events"), ("wtach", "watch")])
def test_a_name_from_elsewhere_leads_to_ours(typed: str, ours: str) -> None:
    wrong = run(typed, "x")
    assert wrong.returncode == 2
    assert f"Did you mean {ours!r}?" in wrong.stderr


def test_the_help_shows_each_command_once_with_its_whole_sentence() -> None:
    text = cli.get_help(click.Context(cli, info_name="waystation", terminal_width=100))
    assert "..." not in text.partition("Options:")[2]
    for name in cli.commands:
        assert len(re.findall(rf"^  {name} +[A-Z]", text, re.MULTILINE)) == 1


def test_no_other_program_s_name_hides_a_command() -> None:
    assert not set(ELSEWHERE) & set(cli.commands)
    assert set(ELSEWHERE.values()) <= set(cli.commands)
