"""Datasets as a kind that imports sees them: a batch to fill."""

from __future__ import annotations

from typing import Any

from waystation.model import Column
from waystation.storage import staging
from waystation.storage.db import Connection


class BatchWriter:
    """The batch that a task fills. It is invisible until the task succeeds, and gone when the task is stopped."""

    def __init__(self, db: Connection, staged: staging.Staged) -> None:
        self._db, self._staged = db, staged

    @property
    def columns(self) -> tuple[Column, ...]:
        """The batch's columns."""
        return self._staged.columns

    @property
    def part(self) -> int:
        """The value of `_batch` in its rows."""
        return self._staged.part

    @property
    def id(self) -> int:
        """The batch's number."""
        return self._staged.id

    def add(
        self,
        data: bytes,
        *,
        start: int,
        end: int,
        first_row: int,
        last_row: int,
        line: int,
        good: int,
        bad: int,
        zones: dict[str, Any],
        rejects: bytes = b"",
        binary: bool = False,
    ) -> None:
        """Add one chunk of a file: its good rows as a COPY stream (`_batch` and `_row` first), its bad ones, its ledger row.

        binary: whether `data` is in COPY's binary format (head and end included); else it is in its text format.
        start, end: byte offsets in the file. first_row, last_row: record numbers. line: of its first record.
        zones: {date column: [least, greatest]}. rejects: record, line, column, value, reason, fields, in COPY's
        text format.
        The rows and the checkpoint that follows are lost together or not at all, so their commit need not wait for the disk.
        """
        self._db.execute("SET LOCAL synchronous_commit = off")
        if good:
            staging.copy_in(self._db, self._staged, data, binary=binary)
            staging.summarize(self._db, self._staged)
        if bad:
            staging.add_rejects(self._db, self._staged, rejects)
        staging.add_chunk(
            self._db,
            self._staged,
            start=start,
            end=end,
            first_row=first_row,
            last_row=last_row,
            line=line,
            good=good,
            bad=bad,
            zones=zones,
        )
