"""Datasets as a kind that imports sees them: a batch to fill."""

from __future__ import annotations

from waystation.model import Column
from waystation.storage import staging
from waystation.storage.db import Connection
from waystation.storage.staging import LedgerRow, Part


class BatchWriter:
    """The batch that a task fills. It is invisible until the task succeeds, and gone when the task is stopped.

    `add` writes in the step's own transaction; sdk.streams.Streams fills all parts of the batch side by side.
    """

    def __init__(self, db: Connection, staged: staging.Staged) -> None:
        self._db, self._staged = db, staged

    @property
    def staged(self) -> staging.Staged:
        """What storage knows of it."""
        return self._staged

    @property
    def columns(self) -> tuple[Column, ...]:
        """The batch's columns."""
        return self._staged.columns

    @property
    def parts(self) -> tuple[Part, ...]:
        """The tables that hold its rows; a part's id is the value of `_batch` in them."""
        return self._staged.parts

    @property
    def id(self) -> int:
        """The batch's number."""
        return self._staged.id

    def ledger(self, *, since: int) -> list[LedgerRow]:
        """The chunks that are in, from an offset in the file on, in file order."""
        return staging.ledger(self._db, self._staged, since=since)

    def add(
        self,
        row: LedgerRow,
        data: bytes,
        *,
        rejects: bytes = b"",
        binary: bool = False,
        part: Part | None = None,
        db: Connection | None = None,
    ) -> None:
        """Add one chunk of a file: its good rows as a COPY stream (`_batch` and `_row` first), its bad ones, its ledger row.

        data: in COPY's text format, or its binary one (head and end included). rejects: record, line, column, value, reason,
        fields, in the text format. part: the first one if it is not given. db: a lane's connection, else the step's own.
        Rows, rejects and ledger row are lost together or not at all, so that their commit need not wait for the disk.
        """
        db, part = db or self._db, part or self.parts[0]
        db.execute("SET LOCAL synchronous_commit = off")
        if row.good:
            staging.copy_in(db, part, self.columns, data, binary=binary)
        if row.bad:
            staging.add_rejects(db, self._staged, rejects)
        staging.add_chunk(db, self._staged, part, row)
