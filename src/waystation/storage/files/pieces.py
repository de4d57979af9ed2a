"""Files that grow in a bucket, where an object can only be put whole: a row of pieces, each an object of its own.

A piece's key says where it begins, how long it is and which attempt wrote it. An attempt that goes on at an offset drops what
those before it had put behind that offset, as one that truncates a file; what an overtaken attempt still writes has the lower
number, and so counts for nothing. No lock and no list is needed to know what counts.
"""

from __future__ import annotations

import errno
import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from waystation.storage.files.bucket import PART, Bucket

SHORT, LONG = 128 * 1024, PART // 2  # bytes that are fetched for a read that jumped, and at most for one that goes on


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes from `start` to `end` of a file are the first ones of an object."""

    start: int
    end: int
    attempt: int
    key: str

    @classmethod
    def of(cls, key: str) -> Piece:
        """The piece that a key names."""
        start, length, attempt = map(int, key.rpartition("/")[2].split("-"))
        return cls(start, start + length, attempt, key)


def key_of(folder: str, start: int, length: int, attempt: int) -> str:
    """The key of a piece; keys come in the order of the file."""
    return f"{folder}{start:020d}-{length}-{attempt}"


def laid(pieces: Iterable[Piece]) -> list[Piece]:
    """What counts of these pieces, in order: each attempt's up to where a later one began."""
    by_attempt: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_attempt.setdefault(piece.attempt, []).append(piece)
    found: list[Piece] = []
    limit: int | None = None
    for attempt in sorted(by_attempt, reverse=True):
        own = by_attempt[attempt]
        found += [
            Piece(p.start, p.end if limit is None else min(p.end, limit), attempt, p.key)
            for p in own
            if limit is None or p.start < limit
        ]
        begun = min(p.start for p in own)
        limit = begun if limit is None else min(limit, begun)
    return sorted(found, key=lambda p: p.start)


def whole(pieces: list[Piece], size: int | None = None) -> list[Piece]:
    """The pieces of the first `size` bytes, or of all; OSError if some are missing."""
    at = 0
    kept: list[Piece] = []
    for p in pieces:
        if size is not None and at >= size:
            break
        if p.start != at:
            break
        kept.append(p if size is None else Piece(p.start, min(p.end, size), p.attempt, p.key))
        at = kept[-1].end
    if (size is not None and at < size) or (size is None and len(kept) < len(pieces)):
        raise OSError(errno.EIO, f"a piece at byte {at} is not there, though its row counts it")
    return kept


class PieceWriter:
    """Appends pieces from an offset on; no more than one of them is in memory."""

    def __init__(self, bucket: Bucket, folder: str, attempt: int, at: int = 0) -> None:
        self._bucket, self._folder, self._attempt = bucket, folder, attempt
        self._at, self._buffer = at, bytearray()

    @property
    def end(self) -> int:
        """Where the next byte comes."""
        return self._at + len(self._buffer)

    def write(self, data: bytes | bytearray) -> None:
        """Append."""
        with memoryview(data) as view:
            at = 0
            while at < len(view):
                taken = PART - len(self._buffer)
                self._buffer += view[at : at + taken]
                at += taken
                if len(self._buffer) >= PART:
                    self.sync()

    def sync(self) -> None:
        """There for good."""
        if self._buffer:
            key = key_of(self._folder, self._at, len(self._buffer), self._attempt)
            self._bucket.put(key, self._buffer)
            self._at += len(self._buffer)
            self._buffer.clear()

    def close(self) -> None:
        """What was not synced is dropped."""
        self._buffer.clear()


class PieceReader(io.RawIOBase):
    """A file of pieces, or one object as its only piece. It fetches little after a jump, and more as the reading goes on."""

    def __init__(self, bucket: Bucket, pieces: list[Piece]) -> None:
        self._bucket, self._pieces = bucket, pieces
        self.size = pieces[-1].end if pieces else 0
        self._at = self._expected = 0
        self._ahead = SHORT

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._piece()
        if piece is None or not view:
            return 0
        self._ahead = min(self._ahead * 2, LONG) if self._at == self._expected else SHORT
        want = min(len(view), self._ahead, piece.end - self._at)
        data = self._bucket.read(piece.key, self._at - piece.start, self._at - piece.start + want)
        view[: len(data)] = data
        self._at += len(data)
        self._expected = self._at
        return len(data)

    def _piece(self) -> Piece | None:
        if self._at >= self.size:
            return None
        return self._pieces[bisect_right(self._pieces, self._at, key=lambda p: p.start) - 1]


def buffered(reader: PieceReader) -> io.BufferedReader:
    """The same with a buffer, as whoever reads a file expects it."""
    return io.BufferedReader(reader, LONG)


def blocks(bucket: Bucket, pieces: list[Piece], size: int) -> Iterator[bytes]:
    """The pieces' bytes, a block of memory at a time."""
    for p in pieces:
        for at in range(p.start, p.end, size):
            yield bucket.read(p.key, at - p.start, min(at + size, p.end) - p.start)
