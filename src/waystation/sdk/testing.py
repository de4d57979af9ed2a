"""Run a kind in a test, without a server."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from waystation.model import JsonValue
from waystation.sdk.context import Context
from waystation.sdk.kind import Kind
from waystation.sdk.steps import Checkpoint, Finished, drive, plain
from waystation.storage.files import Files


@dataclass
class Played:
    """What a played kind did: its checkpoints, its log, and what it returned if it came to its end."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    finished: bool = False
    value: Any = None

    @property
    def cursor(self) -> JsonValue:
        """Where it would go on, as JSON gives it back."""
        return next((c.cursor for c in reversed(self.checkpoints) if c.cursor is not None), None)


def play(
    kind: Kind, params: Mapping[str, JsonValue] | Any, *, cursor: JsonValue = None, stop_after: int | None = None
) -> Played:
    """Run a kind step by step with no server; stop after so many steps. Cursors go through JSON, as they do in production.

    To go on from where a played task stopped, play it again with `cursor=played.cursor`.
    """
    model = kind.parse(params) if isinstance(params, Mapping) else params
    played = Played()
    with tempfile.TemporaryDirectory() as home:
        ctx = Context(task=UUID(int=0), attempt=1, kind=kind.name, db=None, files=Files(Path(home)), known_files={})

        def save(point: Checkpoint) -> bool:
            ctx.save_files()
            played.log += [text for text, _ in ctx.take_logs()]
            played.checkpoints.append(
                Checkpoint(plain(point.cursor, "cursor"), point.done, point.total, point.unit, point.phase, point.counts)
            )
            return stop_after is None or len(played.checkpoints) < stop_after

        end = drive(kind.begin(kind.run, ctx, model, plain(cursor, "cursor")), save)
        ctx.close()
    played.log += [text for text, _ in ctx.take_logs()]
    if isinstance(end, Finished):
        played.finished, played.value = True, end.value
    return played
