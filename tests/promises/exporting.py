"""A house without a worker, whose tasks run in the test's own process, and what its exports make."""

from __future__ import annotations

from tests.attempts import work
from waystation.model import State, Task
from waystation.wiring import House


def export(desk: House, **params: object) -> Task:
    """Submit an export."""
    task, _ = desk.control.submit("export", params, actor="ann")
    return task


def done(desk: House, task: Task) -> Task:
    """Run all that waits; the task, which must have succeeded."""
    work(desk)
    ended = desk.control.get(task.id)
    assert ended.state is State.SUCCEEDED, ended.error
    return ended


def content(desk: House, task: Task) -> bytes:
    """The file that a task made."""
    return desk.control.result(task.id).read_bytes()


def exported(desk: House, **params: object) -> bytes:
    """The file of an export that is run to its end."""
    return content(desk, done(desk, export(desk, **params)))
