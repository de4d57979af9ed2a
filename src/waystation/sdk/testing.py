"""Run a kind in a test, without a server: step by step, with all that production does to cursors, effects and results.

For the real thing (a database, a worker that is killed) see the fixture `waystation`, which pytest finds by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from waystation.errors import UploadNotFound, WrongKind
from waystation.model import JsonValue, Upload
from waystation.sdk.context import Context
from waystation.sdk.effects import Effect, Effects
from waystation.sdk.kind import Kind, Run
from waystation.sdk.lease import Lease
from waystation.sdk.reversal import reversal
from waystation.sdk.steps import Checkpoint, Finished, Steps, drive, plain
from waystation.storage.db import Connection
from waystation.storage.effects import Entry, Tally
from waystation.storage.files import LocalFiles

TASK = UUID(int=1)
Content = bytes | str | Path  # of an upload: bytes, text, or the path of a file
Uploads = Mapping[UUID, Content] | Mapping[str, Content] | Mapping[str, Path]  # by their ids


@dataclass
class Noted:
    """One effect outside as the play remembers it; `state` is standing, reversed or left (then `reason` says why)."""

    item: str
    record: JsonValue
    known: bool = False
    answer: JsonValue = None
    state: str = "standing"
    tries: int = 0
    reason: str | None = None


class PlayBook:
    """Effects written down in memory."""

    def __init__(self, noted: list[Noted]) -> None:
        self.noted = noted

    def write(self, new: Mapping[str, JsonValue], answers: Mapping[str, JsonValue]) -> dict[str, tuple[bool, JsonValue]]:
        """Write effects and answers."""
        there = {n.item for n in self.noted}
        self.noted += [Noted(item, record) for item, record in new.items() if item not in there]
        self.keep(answers)
        return {n.item: (n.known, n.answer) for n in self.noted if n.item in new}

    def keep(self, answers: Mapping[str, JsonValue]) -> None:
        """Answers that came."""
        for n in self.noted:
            if n.item in answers:
                n.known, n.answer = True, answers[n.item]

    def latest(self, limit: int) -> list[Entry]:
        """Those that stand, latest first; a play does not wait."""
        standing = [(at, n) for at, n in enumerate(self.noted) if n.state == "standing"]
        return [Entry(at, n.item, n.record, n.known, n.answer, n.tries) for at, n in standing[::-1][:limit]]

    def tally(self) -> Tally:
        """How many there are of each state."""
        states = [n.state for n in self.noted]
        return Tally(len(states), states.count("standing"), states.count("reversed"), states.count("left"), None)

    def mark_reversed(self, entry: Entry) -> None:
        """This one is gone."""
        self.noted[entry.id].state = "reversed"

    def mark_failed(self, entry: Entry, reason: str, delay: float | None) -> None:
        """This one is tried again, or left."""
        n = self.noted[entry.id]
        n.tries, n.reason = n.tries + 1, reason
        n.state = "left" if delay is None else "standing"


@dataclass
class Played:
    """What a played kind did: its checkpoints, its log, what it did outside, its result files, and what it returned if it came
    to its end."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    results: dict[str, bytes] = field(default_factory=dict)
    finished: bool = False
    value: Any = None
    begun: JsonValue = None
    attempt: int = 1

    @property
    def cursor(self) -> JsonValue:
        """Where it would go on, as JSON gives it back."""
        return next((c.cursor for c in reversed(self.checkpoints) if c.cursor is not None), self.begun)

    @property
    def standing(self) -> list[JsonValue]:
        """The records of what it did outside, or was about to do, and has not taken back."""
        return [n.record for n in self.noted if n.state == "standing"]

    @property
    def leftovers(self) -> list[tuple[JsonValue, str | None]]:
        """The records of what could not be taken back, with the reasons."""
        return [(n.record, n.reason) for n in self.noted if n.state == "left"]


def play(
    kind: Kind,
    params: Mapping[str, JsonValue] | Any,
    *,
    cursor: JsonValue = None,
    after: Played | None = None,
    stop_after: int | None = None,
    uploads: Uploads | None = None,
    db: Connection | None = None,
) -> Played:
    """Run a kind step by step with no server; stop after so many steps. Cursors go through JSON, as they do in production.

    after: go on from where this play stopped, with what it remembered and wrote (`cursor` alone: with nothing but the place).
    uploads: what `ctx.rows` and `ctx.open_upload` read, by the ids that the parameters name. db: a connection for `ctx.db`,
    committed at each checkpoint. Raises what the kind raises, and WrongKind for one that is not as a kind must be.
    """
    begun = plain(cursor, "cursor") if after is None else after.cursor
    return _run(kind, kind.run, params, begun, after, stop_after, uploads, db)


def take_back(
    kind: Kind,
    params: Mapping[str, JsonValue] | Any,
    after: Played,
    *,
    stop_after: int | None = None,
    uploads: Uploads | None = None,
    db: Connection | None = None,
) -> Played:
    """Take back what a play did, as a stop or an undo does: each remembered effect by the kind's `reverse`, then its `undo`.

    A reverse that fails is tried again at once, as often as its policy says.
    """
    if not kind.takes_back:
        raise WrongKind(f"Kind {kind.name!r} says nothing about taking back.", remedy="Say it: @NAME.undo or @NAME.reverse.")

    def steps(ctx: Context, params: Any, cursor: JsonValue = None) -> Steps:
        if kind.reversing is not None:
            yield from reversal(ctx, params, kind.reversing)
        if kind.undo_steps is not None:
            yield from kind.begin(kind.undo_steps, ctx, params, cursor)

    return _run(kind, steps, params, None, after, stop_after, uploads, db, remembers=False)


def _run(
    kind: Kind,
    function: Run,
    params: Mapping[str, JsonValue] | Any,
    cursor: JsonValue,
    after: Played | None,
    stop_after: int | None,
    uploads: Uploads | None,
    db: Connection | None,
    *,
    remembers: bool | None = None,
) -> Played:
    model = kind.parse(params) if isinstance(params, Mapping) else params
    played = Played(begun=cursor)
    if after is not None:
        played.noted, played.results, played.attempt = after.noted, dict(after.results), after.attempt + 1
    remembers = kind.reversing is not None if remembers is None else remembers
    with tempfile.TemporaryDirectory() as home:
        book = PlayBook(played.noted)
        files = LocalFiles(Path(home))
        ctx = _Stage(
            task=TASK,
            attempt=played.attempt,
            kind=kind.name,
            db=db,
            files=files,
            known_files=_known(files, played),
            effects=Effects(TASK, book, Lease.endless(), kind.call_timeout, remembers=remembers),
            retry=kind.retry,
        )
        ctx.uploads = {str(id): content for id, content in (uploads or {}).items()}

        def keep() -> None:
            played.results |= {n: _bytes(files, n, f["segments"]) for n, f in ctx.save_files().items()}
            played.log += [text for text, _ in ctx.take_logs()]
            answers = ctx.effects.answers()
            book.keep(answers)
            ctx.effects.kept(answers)
            if db is not None:
                db.commit()

        def save(point: Checkpoint) -> bool:
            ctx.take_delay()
            keep()
            total = ctx.total if point.total is None else point.total
            counts = {**ctx.counts, **point.counts}
            place = plain(point.cursor, "cursor")
            played.checkpoints.append(Checkpoint(place, point.done, total, point.unit, point.phase, counts))
            return stop_after is None or len(played.checkpoints) < stop_after

        try:
            end = drive(kind.begin(function, ctx, model, cursor), save)
            ctx.calls.settle()
            keep()
        except BaseException:
            ctx.calls.settle()
            book.keep(ctx.effects.answers())
            if db is not None:
                db.rollback()
            raise
        finally:
            ctx.close()
    if isinstance(end, Finished):
        played.finished, played.value = True, plain(end.value, "result")
    return played


class _Stage(Context):
    """A context whose uploads come from the test."""

    uploads: Mapping[str, Content]

    def upload(self, id: UUID) -> Upload:
        content = self.uploads.get(str(id))
        if content is None:
            raise UploadNotFound(f"play() was given no upload {id}: give it as uploads={{id: bytes}}.")
        data = content.encode() if isinstance(content, str) else content if isinstance(content, bytes) else content.read_bytes()
        assert isinstance(self._files, LocalFiles)
        path = self._files.uploads / str(id) / (content.name if isinstance(content, Path) else "data.csv")
        if not path.exists():
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        return Upload(id, path.name, self._files.relative(path), len(data), sha256, "play", datetime.now(UTC))


def _known(files: LocalFiles, played: Played) -> dict[str, JsonValue]:
    """The results that an earlier play wrote, as its last checkpoint would tell of them."""
    known: dict[str, JsonValue] = {}
    for name, data in played.results.items():
        with contextlib.closing(files.open_segment(TASK, played.attempt - 1, name)) as segment:
            segment.write(data)
        known[name] = {"segments": [[played.attempt - 1, len(data)]], "released": True}
    return known


def _bytes(files: LocalFiles, name: str, segments: list[list[int]]) -> bytes:
    return b"".join(b"".join(files.read_segment(TASK, number, name, size)) for number, size in segments)


__all__ = ["Effect", "Noted", "PlayBook", "Played", "play", "take_back"]
