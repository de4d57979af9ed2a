"""What the API answers, as types: the JSON of each noun, word for word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from waystation.model import JsonValue


class ProgressJson(TypedDict):
    """How far a task is; `percent` is null while the total is unknown, `rate` is units a second, `eta` seconds."""

    done: int
    total: int | None
    unit: str
    percent: float | None
    rate: float | None
    eta: float | None
    phase: str | None


class TaskJson(TypedDict):
    """A task, as the API tells it. Times are ISO 8601 in UTC."""

    task_id: str
    self_url: str
    kind: str
    status: str
    state: str
    wish: str | None
    goal: str | None
    complete: bool
    progress: ProgressJson
    dataset: str | None
    params: dict[str, JsonValue]
    priority: int
    run_at: str
    after: str | None
    attempt: int
    counts: dict[str, int]
    version: int
    created_by: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    updated_at: str
    error: dict[str, JsonValue] | None
    links: dict[str, str]
    result: dict[str, JsonValue] | None
    rejects: dict[str, JsonValue] | None
    events: str
    leftovers: list[JsonValue]


class EventJson(TypedDict):
    """One line of a task's timeline."""

    id: int
    at: str
    event: str
    actor: str
    reason: str | None
    attempt: int
    data: dict[str, JsonValue]


class ConsequenceJson(TypedDict):
    """What a verb would do to a task: whether it can be done now, whether work is lost by it, and what follows in words."""

    verb: str
    possible: bool
    takes_back: bool
    sentences: list[str]


class Filter(TypedDict, total=False):
    """Which tasks: every field that is given must fit."""

    state: str
    status: str
    kind: str
    dataset: str
    created_by: str


class RejectJson(TypedDict):
    """A row that an import refused, and why. `column` is null where the row as a whole is wrong."""

    record: int
    line: int
    column: str | None
    value: str | None
    reason: str
    fields: list[str]


class LinkJson(TypedDict):
    """An address that opens a task's file for whoever has it, and when that ends."""

    url: str
    expires_at: str


class UploadJson(TypedDict):
    """A file that was sent to /uploads, or of which `offset` of `size` bytes are there."""

    upload_id: str
    self_url: str
    name: str
    size: int
    offset: int
    complete: bool
    sha256: str | None
    task_id: str | None
    created_by: str
    created_at: str
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class Saved:
    """A result file that was written here: its place, its size in bytes and the sha256 that was checked."""

    path: Path
    size: int
    sha256: str
