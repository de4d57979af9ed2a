"""Registered programs as tasks, with real processes: progress, pause, stop, and no orphan whatever dies."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import psutil
import pytest

from tests.conftest import StartWorker
from tests.support import at_state, children, reached, wait_until
from waystation.errors import InvalidParams, WrongSetting
from waystation.kinds.command import kinds_of
from waystation.model import State, Task, Verb
from waystation.wiring import House, open_house

COUNT = """#!/bin/sh
# Counts, slowly; says its number and its child's, which has left the group.
setsid sleep 1000 &
echo "pids $$ $!"
n=$1
while [ $n -lt $2 ]; do n=$((n+1)); echo "step $n of $2"; sleep 0.05; done
"""
GO_ON = """#!/bin/sh
exec "$(dirname "$0")/count" "${1:-40}" 200
"""
STUBBORN = """#!/bin/sh
trap 'echo "I heard"' TERM
sleep 1000 & echo "pids $$ $!"
while :; do sleep 0.05; done
"""
FAIL = """#!/bin/sh
echo "table $1 is not there"
exit 3
"""
SAY = """#!/bin/sh
printf '%s\\n' "$@"
printf 'no end of line'
"""
PROGRAMS = """
[count]
argv = ["{at}/count", "0", "{{upto}}"]
progress = 'step (?P<done>\\d+) of (?P<total>\\d+)'
unit = "numbers"
[count.params]
upto = {{ type = "integer", default = 2000 }}

[go_on]
argv = ["{at}/go_on"]
progress = 'step (?P<cursor>(?P<done>\\d+)) of (?P<total>\\d+)'
resume = ["{{cursor}}"]

[stubborn]
argv = ["{at}/stubborn"]
grace = 5

[fail]
argv = ["{at}/fail", "{{table}}"]
[fail.params]
table = {{ pattern = "[a-z]+" }}

[say]
argv = ["{at}/say", "{{text}}", "x={{number}}", "{{loud}}", "{{day}}"]
undo = ["{at}/say", "undone"]
[say.params]
text = {{ type = "text" }}
number = {{ type = "integer", min = 1, max = 9, default = 5 }}
loud = {{ type = "boolean", flag = "--loud" }}
day = {{ type = "date", optional = true }}
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for name, text in (("count", COUNT), ("go_on", GO_ON), ("stubborn", STUBBORN), ("fail", FAIL), ("say", SAY)):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    (folder / "programs.toml").write_text(PROGRAMS.format(at=folder))
    return folder / "programs.toml"


@pytest.fixture
def shop(house: House, programs: Path, start_worker: StartWorker) -> House:
    """A house with these programs, and a worker."""
    house.registry.add_all(kinds_of(programs))
    start_worker(programs=programs)
    return house


def begin(house: House, name: str, **params: object) -> Task:
    return house.control.submit(f"command.{name}", params, actor="ann")[0]


def said(house: House, task: Task) -> list[str]:
    return [str(e.data["text"]) for e in house.control.events(task.id) if e.event == "log"]


def pids(house: House, task: Task) -> list[psutil.Process]:
    """The program and its child, once it has said who they are."""

    def told() -> list[int]:
        line = next((s for s in reversed(said(house, task)) if s.startswith("pids")), "")
        return [int(word) for word in line.split()[1:]]

    return [psutil.Process(pid) for pid in wait_until(told, 30)]


def gone(processes: list[psutil.Process]) -> None:
    wait_until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes), 20)


def test_arguments_output_exit_codes_and_undo(shop: House, tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/x); `true` 'a\" *"
    done = at_state(shop, begin(shop, "say", text=hostile, loud=True), State.SUCCEEDED)
    file = shop.control.result(done.id)
    assert file.read_bytes().decode() == f"{hostile}\nx=5\n--loud\nno end of line\n", (
        "one argument stays one, and no shell reads it"
    )
    assert done.result is not None
    assert (done.result["exit_code"], done.result["lines"]) == (0, 4)
    assert not (tmp_path / "x").exists()
    assert "x=5" in said(shop, done)
    at_state(shop, done, State.SUCCEEDED)
    shop.control.act(Verb.UNDO, done.id, actor="ann")
    undone = at_state(shop, done, State.UNDONE)
    assert "undone" in said(shop, undone)

    failed = at_state(shop, begin(shop, "fail", table="orders"), State.FAILED)
    assert failed.error is not None
    assert (failed.error["code"], failed.error["exit_code"]) == ("program-failed", 3)
    assert "table orders is not there" in failed.error["detail"]

    for wrong in ({"text": "--output=/etc/passwd"}, {"text": "a", "number": 10}, {"text": "a", "day": "x"}, {"more": 1}):
        with pytest.raises(InvalidParams):
            begin(shop, "say", **wrong)
    with pytest.raises(InvalidParams):
        begin(shop, "fail", table="a b")


def test_a_pause_holds_it_in_memory_and_a_stop_ends_all_of_it(shop: House) -> None:
    task = begin(shop, "count")
    processes = pids(shop, task)
    reached(shop, task, 2)
    shop.control.act(Verb.PAUSE, task.id, actor="ann")
    wait_until(lambda: processes[0].status() == psutil.STATUS_STOPPED)
    held = shop.control.get(task.id)
    assert (held.state, held.held) == (State.RUNNING, True), "its slot is kept with its memory"
    shop.control.act(Verb.RESUME, task.id, actor="ann")
    reached(shop, task, held.done + 2)
    assert processes[0].is_running(), "the same process went on"
    assert shop.control.get(task.id).total == 2000
    shop.control.act(Verb.PAUSE, task.id, actor="ann")
    wait_until(lambda: processes[0].status() == psutil.STATUS_STOPPED)
    shop.control.act(Verb.STOP, task.id, actor="ann")
    at_state(shop, task, State.STOPPED)
    gone(processes)


def test_one_that_can_go_on_is_ended_by_a_pause_and_goes_on(shop: House) -> None:
    task = begin(shop, "go_on")
    processes = pids(shop, task)
    reached(shop, task, 45)
    shop.control.act(Verb.PAUSE, task.id, actor="ann")
    paused = at_state(shop, task, State.PAUSED)
    gone(processes)
    shop.control.act(Verb.RESUME, task.id, actor="ann")
    done = at_state(shop, task, State.SUCCEEDED, timeout=60)
    assert f"goes on from {paused.done}" in said(shop, done)
    assert (done.done, done.total) == (200, 200)


@pytest.mark.long
def test_one_that_does_not_hear_is_killed(shop: House) -> None:
    task = begin(shop, "stubborn")
    processes = pids(shop, task)
    shop.control.act(Verb.STOP, task.id, actor="ann")
    at_state(shop, task, State.STOPPED)
    gone(processes)
    assert "I heard" in said(shop, task), "it was asked before"


def test_a_killed_worker_leaves_no_orphan_and_the_task_starts_over(shop: House) -> None:
    task = begin(shop, "count", upto=60)
    processes = pids(shop, task)
    reached(shop, task, 3)
    [worker] = shop.control.workers()
    for child in children(worker.pid):
        os.kill(child.pid, signal.SIGKILL)
    gone(processes)
    done = at_state(shop, task, State.SUCCEEDED, timeout=60)
    assert "starts from its beginning" in said(shop, done)
    assert done.attempt == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a]\nargv = []", "argv"),
        ("[a]\nargv = ['x', '{b}']", r"\['b'\], which are no parameters"),
        ("[a]\nargv = ['{b}']\n[a.params]\nb = {}", "can't be a parameter"),
        ("[a]\nargv = ['x']\nshell = true", "shell"),
        ("[a]\nargv = ['x']\nprogress = '('", "no regular expression"),
        ("[a]\nargv = ['x']\nprogress = '(?P<percent>x)'", "groups are done"),
        ("[a]\nargv = ['x']\nresume = ['{cursor}']", "needs a group"),
        ("[a]\nargv = ['x']\n[a.params]\nb = {type = 'boolean'}", "has a flag"),
        ("[a]\nargv = ['x']\n[a.params]\nb = {type = 'integer', max = 3, default = 4}", "its parameters"),
        ("[A]\nargv = ['x']", "word of a-z"),
        ("nonsense", "can't be read"),
    ],
)
def test_a_file_that_is_wrong_is_refused_at_the_start(house: House, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "programs.toml"
    file.write_text(text)
    with pytest.raises(WrongSetting, match=says):
        open_house(house.settings.model_copy(update={"programs": file}), migrating=False)


def test_the_examples_programs_are_kinds_with_forms() -> None:
    kinds = {kind.name: kind for kind in kinds_of(Path(__file__).resolve().parents[2] / "examples/programs.toml")}
    schema = kinds["command.disk_usage"].info().schema
    assert schema["properties"]["depth"] == {"default": 1, "maximum": 5, "minimum": 0, "title": "Depth", "type": "integer"}
    assert kinds["command.copy_lines"].info().schema["required"] == ["source"]
