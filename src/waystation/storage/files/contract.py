"""What Waystation asks of the place where its files lie. Two keep it: the local disk, and a bucket that speaks S3.

A file's *place* is the text by which its row names it. A name that a person gave is never used as a path.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol, Self
from uuid import UUID

BLOCK = 4 * 2**20  # bytes that are moved at once


def clean_name(name: str, default: str = "data.csv") -> str:
    """A harmless file name that looks like the one given: no folders, no control characters, 100 characters at most."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').strip(". ")
    return kept[-100:].encode()[-200:].decode(errors="ignore") or default


class Receiver(Protocol):
    """An upload on its way in: hashed as it is written; `finish` makes it durable, `discard` removes it."""

    name: str
    place: str
    size: int

    def write(self, data: bytes) -> None:
        """More bytes. Raises TooLarge beyond the limit, DiskFull when there is no room."""

    def finish(self) -> str:
        """There for good; the sha256 of what came."""

    def discard(self) -> None:
        """As if it had never come."""


class Growing(Protocol):
    """A file that grows piece by piece; what was synced is there for good."""

    def start(self, offset: int, attempt: int) -> None:
        """Go on after the first `offset` bytes: what a writer before this one had put behind them is dropped."""

    def write(self, data: bytes) -> None:
        """Append. Raises DiskFull when there is no room."""

    def sync(self) -> None:
        """There for good."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Spool(Protocol):
    """A work file whose bytes follow from an upload alone, so that attempts which write it at the same time, a dead one and
    its heir, write the same bytes at the same places."""

    def write(self, data: bytes, *, at: int) -> None:
        """Put bytes at an offset: behind those of the last call. Raises DiskFull."""

    def flush(self) -> None:
        """There for good. Raises DiskFull."""

    def finish(self, size: int) -> None:
        """It has so many bytes, and all are there for good."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Segment(Protocol):
    """What one attempt writes of a result."""

    def write(self, data: bytes | bytearray) -> None:
        """Append. Raises DiskFull when there is no room."""

    def sync(self) -> None:
        """There for good."""

    def close(self) -> None:
        """Let go of it; what was not synced may be lost."""


class Files(ABC):
    """Uploads, the segments that attempts write, results. Every method may raise StorageUnavailable."""

    @abstractmethod
    def check(self) -> None:
        """Raise an error that says what to do if files can't be written here."""

    # -- uploads
    @abstractmethod
    def receive(self, id: UUID, name: str, *, limit: int) -> Receiver:
        """Begin to take an upload in."""

    @abstractmethod
    def begin(self, id: UUID, name: str, *, size: int) -> str:
        """An empty file for an upload that comes in pieces: its place for the row. Raises DiskFull without room for `size`."""

    @abstractmethod
    def append(self, place: str, *, patience: float = 0.0) -> Growing:
        """Write on in such a file.

        On a disk this is done alone: UploadLocked is raised when somebody else does it for so many seconds, UploadNotFound
        without the file. In a bucket whoever comes later goes on, and nothing that the earlier one writes then counts.
        """

    @abstractmethod
    def open(self, place: str) -> BinaryIO:
        """Read a file that the database names, seekable. Raises FileNotFoundError."""

    @abstractmethod
    def remove_upload(self, place: str) -> None:
        """Remove an upload and what it was unpacked to. It can be repeated."""

    @abstractmethod
    def stray_uploads(self, known: set[str], *, seconds: float) -> list[str]:
        """Places of uploads whose ids no row names (a process died while it took one in), untouched for so long."""

    # -- what an upload is unpacked to: it goes with the upload
    @abstractmethod
    def open_spool(self, place: str, attempt: int) -> Spool:
        """Write what the upload at `place` is unpacked to."""

    @abstractmethod
    def open_spooled(self, place: str) -> BinaryIO:
        """Read that. Raises FileNotFoundError."""

    @abstractmethod
    def drop_spool(self, place: str) -> None:
        """Nobody needs it any more."""

    @abstractmethod
    def make_copy(self, place: str, name: str, blocks: Iterable[bytes]) -> None:
        """Keep another form of an upload, which goes with it: whole or not at all. Raises DiskFull and what `blocks` does."""

    @abstractmethod
    def open_copy(self, place: str, name: str) -> BinaryIO:
        """Read one. Raises FileNotFoundError."""

    # -- segments: an attempt writes only files that carry its own number
    @abstractmethod
    def open_segment(self, task: UUID, attempt: int, name: str) -> Segment:
        """A new segment of this attempt."""

    @abstractmethod
    def adopt_segment(self, task: UUID, old: int, new: int, name: str, size: int) -> Segment | None:
        """Go on in the segment of an attempt that gave its task back of its own will; None if that can't be."""

    @abstractmethod
    def read_segment(self, task: UUID, attempt: int, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a segment in blocks; OSError if there are fewer."""

    # -- results
    @abstractmethod
    def join(
        self,
        task: UUID,
        attempt: int,
        name: str,
        segments: list[tuple[int, int]],
        sha256: str | None,
        tick: Callable[[int], None],
        media_type: str = "application/octet-stream",
    ) -> tuple[str, int, str]:
        """Make the result of its segments (attempt, size): its place, its size and its sha256.

        `tick` is called with the bytes done after each block, and may raise to leave. The result's place carries the attempt,
        so that a late one disturbs nobody. `sha256`: of the whole, if it is known.
        """

    @abstractmethod
    def settle(self, task: UUID, place: str) -> None:
        """What is right once the row names its result: nothing else is kept. It can be repeated without harm."""

    @abstractmethod
    def link(self, place: str, *, seconds: float) -> str | None:
        """An address at which anybody can fetch a result for so long; None where there is no such thing."""

    @abstractmethod
    def remove_task(self, task: UUID) -> None:
        """Remove all that a task wrote. It can be repeated."""

    @abstractmethod
    def tasks_with_files(self) -> dict[UUID, bool]:
        """The tasks that have segments or results; True where there is nothing to settle: one result, and that is all."""
