"""`watch` as people see it: in a terminal, drawn in place; and as programs read it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.running import Up
from tests.cli.terminal import terminal
from tests.support import wait_until
from waystation.client import Client, Task

ROOT = Path(__file__).resolve().parents[2]
LONG = {"rows": 50_000_000}  # nobody waits for its end


@pytest.fixture
def ann(up: Up) -> Client:
    """A client whose tasks have nothing to do with other tests'."""
    return Client(up.url, actor="ann")


def ended(*tasks: Task) -> None:
    for task in tasks:
        task.stop().wait(timeout=60)


def test_a_board_that_is_drawn_in_place(up: Up, ann: Client, people: Path) -> None:
    done = ann.upload(people, dataset=f"w{uuid4().hex[:8]}").wait(timeout=60)
    running = ann.submit("generate", LONG)
    paused = ann.submit("generate", LONG).pause().wait(timeout=60)
    running.wait(until=["running"], timeout=60)
    with terminal("watch", done.id, paused.id, running.id, columns=110, WAYSTATION_URL=up.url) as screen:
        wait_until(lambda: re.search(f"running +{running.id[:8]} .* left", screen.text()), 30)
        first, second, third, total = screen.lines()
        assert first.startswith("running")  # what moves stands on top
        assert second.startswith("paused")
        assert third.startswith("succeeded")
        assert total == "1 running · 1 paused · 1 succeeded"
        assert paused.id[:8] in second
        assert "100 % of 3.0 MB" in third
        if os.environ.get("WAYSTATION_CAPTURE"):
            capture(screen.text())
        wait_until(lambda: screen.lines()[0] != first, 30)
        ended(running, paused)
        assert screen.end() == 0
    final = screen.lines()
    assert len(final) == 4  # the same lines all the time: nothing was drawn twice
    assert final[-1] == "2 stopped · 1 succeeded"


def test_a_narrow_terminal_shows_the_status_and_the_share_whole(up: Up, ann: Client) -> None:
    running = ann.submit("generate", LONG)
    paused = ann.submit("generate", LONG).pause().wait(timeout=60)
    with terminal("watch", paused.id, running.id, columns=40, WAYSTATION_URL=up.url) as screen:
        wait_until(lambda: re.search(rf"^running {running.id[:8]} .* \d+ % .* left", screen.text(), re.MULTILINE), 30)
        assert screen.lines()[1].startswith(f"paused  {paused.id[:8]}")
        assert all(len(line) <= 40 for line in screen.lines())
        screen.resize(80, 24)
        screen.process.send_signal(signal.SIGWINCH)
        wait_until(lambda: re.search(rf"^running {running.id[:8]} generate .* left", screen.text(), re.MULTILINE), 30)
        ended(running, paused)
        assert screen.end() == 0


@pytest.mark.long
def test_more_tasks_than_lines(up: Up, ann: Client) -> None:
    tasks = [ann.submit("generate", LONG).pause() for _ in range(12)]
    with terminal("watch", *[t.id for t in tasks], columns=80, lines=8, WAYSTATION_URL=up.url) as screen:
        wait_until(lambda: "not shown" in screen.text(), 30)
        wait_until(lambda: "12 paused · 6 not shown" in screen.lines()[-1], 30)
        assert len(screen.lines()) == 7
        screen.resize(80, 24)
        screen.process.send_signal(signal.SIGWINCH)
        wait_until(lambda: screen.lines()[-1] == "12 paused", 30)
        screen.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert screen.end() == 130
    ended(*tasks)


def test_one_that_fails_has_its_exit_code(up: Up, ann: Client) -> None:
    bad = io.BytesIO(b"n\n1\nx\n")
    task = ann.upload(bad, dataset=f"w{uuid4().hex[:8]}", options={"types": {"n": "bigint"}, "max_errors": 0})
    with terminal("watch", task.id, WAYSTATION_URL=up.url) as screen:
        assert screen.end() == 7
        assert "failed" in screen.text()
        assert "Error:" in screen.text()
    assert b"\x1b[1;31m" in screen.raw or b"\x1b[31m" in screen.raw  # colours on a terminal …
    said = up("watch", task.id)
    assert "\x1b" not in said.stdout + said.stderr  # … and only there


def test_following_shows_what_comes_later(up: Up, ann: Client) -> None:
    with terminal("watch", "--follow", WAYSTATION_URL=up.url) as screen:
        task = ann.submit("generate", LONG)
        wait_until(lambda: task.id[:8] in screen.text(), 30)
        ended(task)
        wait_until(lambda: re.search(f"stopped +{task.id[:8]}", screen.text()), 30)
        screen.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert screen.end() == 0


def test_lines_for_programs(up: Up, ann: Client) -> None:
    tasks = [ann.submit("generate", {"rows": 10}) for _ in range(6)]  # more than are asked for one by one
    said = up("watch", *[t.id for t in tasks], "--json")
    assert said.returncode == 0, said.stderr
    last = {t["task_id"]: t["status"] for t in map(json.loads, said.stdout.splitlines())}
    assert last == {t.id: "succeeded" for t in tasks}


def capture(screen: str) -> None:
    """Put what is on the screen into the docs."""
    page = ROOT / "docs" / "watch.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(r"(?s)(```text\n).*?(```)", lambda m: f"{m[1]}{screen}\n{m[2]}", text, count=1), encoding="utf-8")
