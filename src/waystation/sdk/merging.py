"""A batch that is merged with what readers of its dataset see, by the columns of a key."""

from __future__ import annotations

from uuid import UUID

from waystation.storage import merging
from waystation.storage.db import Connection
from waystation.storage.merging import Base, Merge, OnConflict

__all__ = ["Base", "Merge", "Merging", "OnConflict"]


class Merging:
    """The steps of a merge, in this order: make_keys, add_keys …, end_keys; begin, pass_by …, add_new …, end.

    From `begin` on it can be begun anew, and must be where `base` is another than it gave: the publish refuses the batch then.
    Ranges are of the rows' numbers, from `first` up to `end`. `alone`: the dataset's own rows do not count.
    """

    def __init__(self, db: Connection, task: UUID, merge: Merge, *, alone: bool) -> None:
        self._db, self._task, self._merge, self._alone = db, task, merge, alone

    @property
    def rewrites(self) -> bool:
        """Whether the base is written into the batch, which takes its place."""
        return self._merge.rewrites

    def make_keys(self) -> None:
        """Make ready for the keys of the file."""
        merging.make_keys(self._db, self._merge)

    def add_keys(self, *, first: int, end: int) -> None:
        """Take the next rows of the file. Raises KeyTooLong."""
        merging.add_keys(self._db, self._merge, first=first, end=end)

    def end_keys(self) -> None:
        """The whole file is taken."""
        merging.end_keys(self._db, self._merge)

    def begin(self) -> list[Base]:
        """Begin, or begin anew, with what readers see now: its batches, the oldest first. Raises SchemaConflict."""
        return merging.begin(self._db, self._task, self._merge, alone=self._alone)

    def base(self) -> list[Base]:
        """What readers see now."""
        return [] if self._alone else merging.base(self._db, self._merge.staged.dataset)

    def older_at_work(self) -> bool:
        """Whether a merge that was begun before this one is going on in the same dataset: it goes first."""
        return not self._alone and merging.older_at_work(self._db, self._merge)

    def pass_by(self, old: Base, *, first: int, end: int, shift: int, start: int) -> int:
        """Let rows of the base pass by the keys; see storage.merging."""
        return merging.pass_by(self._db, self._merge, old, first=first, end=end, shift=shift, start=start)

    def add_new(self, *, first: int, end: int, shift: int, start: int) -> tuple[int, int]:
        """Add the keys that the base has not: where the ledger ends, and how many they are."""
        return merging.add_new(self._db, self._merge, first=first, end=end, shift=shift, start=start)

    def end(self) -> None:
        """All is merged."""
        merging.end(self._db, self._merge)
