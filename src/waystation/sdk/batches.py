"""Datasets as a kind sees them: a batch to fill, or a listing to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from waystation.model import Column
from waystation.storage import datasets, staging
from waystation.storage.datasets import PinnedChunk
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


@dataclass
class Listing:
    """What an export reads: pinned, so that it is the same after a pause of three days."""

    db: Connection
    task: UUID
    chunks: int = 0
    rows: int = 0

    def after(self, place: tuple[int, int]) -> Iterator[PinnedChunk]:
        """The chunks after a place (publish number, start offset), in the order of the files."""
        while found := datasets.pinned_chunks(self.db, self.task, after=place):
            for chunk in found:
                yield chunk
                place = (chunk.publish_no, chunk.start)

    def read(
        self,
        chunk: PinnedChunk,
        write: Callable[[bytes], None],
        columns: Sequence[str],
        *,
        by: str | None = None,
        low: str | None = None,
        high: str | None = None,
        options: LiteralString = "FORMAT csv",
    ) -> int:
        """Write the rows of one chunk in file order, as COPY gives them; how many there were.

        `by`, `low`, `high`: only rows with that date from low to high, both included (ISO).
        """
        query = datasets.reading(chunk, columns, by=by, low=low, high=high, options=options)
        self.db.execute("SET LOCAL enable_seqscan = off")  # the BRIN index finds the chunk; a scan would read the whole part
        self.db.execute("SET LOCAL work_mem = '64MB'")  # a chunk is sorted in memory
        with self.db.cursor() as cursor:
            with cursor.copy(query) as copy:
                for block in copy:
                    write(bytes(block))
            return cursor.rowcount
