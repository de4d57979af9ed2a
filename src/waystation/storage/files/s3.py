"""Files in a bucket: web servers and workers need no disk that they share.

uploads/ID/data                     an upload that came in one request
uploads/ID/pieces/OFFSET-…          one that came in several, tus (see pieces.py)
uploads/ID/unpacked/OFFSET-…        what an import unpacked it to
uploads/ID/copies/NAME              names the folder of another form of it
segments/TASK/ATTEMPT-NAME/OFFSET-… what an attempt wrote of a result: what each checkpoint counts is there before it
results/TASK/ATTEMPT-NAME           a result
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Self
from uuid import UUID, uuid4

from waystation.errors import StorageUnavailable, TooLarge
from waystation.settings import Settings
from waystation.storage.files.bucket import PART, Bucket
from waystation.storage.files.contract import Files, Segment, clean_name
from waystation.storage.files.pieces import Piece, PieceReader, PieceWriter, blocks, buffered, laid, whole

if TYPE_CHECKING:
    from obstore import Attributes

WHOLE, PIECES, UNPACKED = "data", "pieces/", "unpacked/"


class S3Receiver:
    """An upload on its way in, sent in parts. One that a dying process leaves has no key; the bucket's lifecycle removes it."""

    def __init__(self, bucket: Bucket, id: UUID, name: str, limit: int) -> None:
        self.name, self.place, self.size = name, f"uploads/{id}/{WHOLE}", 0
        self._bucket, self._limit, self._hash = bucket, limit, hashlib.sha256()
        self._writer, self._closed = bucket.writer(self.place), False

    def write(self, data: bytes) -> None:
        """More bytes. Raises TooLarge beyond the limit."""
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge(f"The upload is larger than {self._limit} bytes (WAYSTATION_MAX_UPLOAD).")
        self._hash.update(data)
        self._bucket.write(self._writer, data)

    def finish(self) -> str:
        """There for good; the sha256 of what came."""
        self._closed = True
        self._bucket.close(self._writer)
        return self._hash.hexdigest()

    def discard(self) -> None:
        """As if it had never come. (Parts are let go of by making an object of them, which is removed.)"""
        if not self._closed:
            self.finish()
        self._bucket.remove([self.place])


class S3Growing:
    """An upload that comes in several requests."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder = bucket, folder
        self._writer: PieceWriter | None = None

    def start(self, offset: int, attempt: int) -> None:
        """Go on after the first `offset` bytes: what others had put behind them no longer counts."""
        self._writer = PieceWriter(self._bucket, self._folder, attempt, offset)

    def write(self, data: bytes) -> None:
        """Append."""
        assert self._writer is not None
        self._writer.write(data)

    def sync(self) -> None:
        """There for good."""
        assert self._writer is not None
        self._writer.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


class S3Spool:
    """What an upload is unpacked to."""

    def __init__(self, bucket: Bucket, folder: str, attempt: int) -> None:
        self._bucket, self._folder, self._attempt = bucket, folder, attempt
        self._writer: PieceWriter | None = None

    def write(self, data: bytes, *, at: int) -> None:
        """Put bytes behind those of the last call."""
        if self._writer is None:
            self._writer = PieceWriter(self._bucket, self._folder, self._attempt, at)
        assert self._writer.end == at
        self._writer.write(data)

    def flush(self) -> None:
        """There for good."""
        if self._writer is not None:
            self._writer.sync()

    def finish(self, size: int) -> None:
        """It has so many bytes."""
        self.flush()
        assert self._writer is None or self._writer.end == size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


class S3Files(Files):
    """The objects of one bucket and prefix."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    @classmethod
    def of(cls, settings: Settings) -> S3Files:
        """Those of these settings."""
        return cls(Bucket(settings))

    def check(self) -> None:
        """Raises StorageUnavailable when the bucket is not there, or not ours to write."""
        key = f"checks/{uuid4()}"
        self.bucket.put(key, b"1")
        try:
            if self.bucket.read(key, 0, 1) != b"1":
                raise StorageUnavailable(f"What was put into {self.bucket.where} does not come back.")
        finally:
            self.bucket.remove([key])

    # -- uploads
    def receive(self, id: UUID, name: str, *, limit: int) -> S3Receiver:
        """Begin to take an upload in."""
        return S3Receiver(self.bucket, id, clean_name(name), limit)

    def begin(self, id: UUID, name: str, *, size: int) -> str:
        """Nothing is written until its first bytes come."""
        return f"uploads/{id}/{PIECES}"

    def append(self, place: str, *, patience: float = 0.0) -> S3Growing:
        """Write on in it; whoever did so before no longer counts."""
        return S3Growing(self.bucket, place)

    def open(self, place: str) -> BinaryIO:
        """Read a file that the database names. Raises FileNotFoundError."""
        if place.endswith("/"):
            return self._open_pieces(place)
        return buffered(PieceReader(self.bucket, [Piece(0, self.bucket.size(place), 0, place)]))

    def _open_pieces(self, folder: str) -> BinaryIO:
        return buffered(PieceReader(self.bucket, whole(self._pieces(folder))))

    def _pieces(self, folder: str) -> list[Piece]:
        return laid(Piece.of(key) for key in self.bucket.keys(folder))

    def remove_upload(self, place: str) -> None:
        """Remove an upload and what it was unpacked to."""
        self.bucket.remove_all(_folder_of(place))

    def stray_uploads(self, known: set[str], *, seconds: float) -> list[str]:
        """Uploads that no row names, untouched for so long."""
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        strays = [f"uploads/{id}/" for id in self.bucket.folders("uploads/") if id not in known]
        touched = ((folder, self.bucket.touched(folder)) for folder in strays)
        return [f"{folder}{WHOLE}" for folder, at in touched if at is not None and at < before]

    # -- what an upload is unpacked to
    def open_spool(self, place: str, attempt: int) -> S3Spool:
        """Write it."""
        return S3Spool(self.bucket, _folder_of(place) + UNPACKED, attempt)

    def open_spooled(self, place: str) -> BinaryIO:
        """Read it. Raises FileNotFoundError."""
        folder = _folder_of(place) + UNPACKED
        if not (pieces := self._pieces(folder)):
            raise FileNotFoundError(folder)
        return buffered(PieceReader(self.bucket, whole(pieces)))

    def drop_spool(self, place: str) -> None:
        """Nobody needs it any more."""
        self.bucket.remove_all(_folder_of(place) + UNPACKED)

    def make_copy(self, place: str, name: str, blocks: Iterable[bytes]) -> None:
        """Keep another form of an upload. What makes it one is a last small object that names the folder of its pieces."""
        named = f"{_folder_of(place)}copies/{name}"
        folder = f"{named}-{uuid4()}/"
        writer = PieceWriter(self.bucket, folder, attempt=1)
        try:
            for block in blocks:
                writer.write(block)
            writer.sync()
        except BaseException:
            self.bucket.remove_all(folder)
            raise
        self.bucket.put(named, folder.encode())

    def open_copy(self, place: str, name: str) -> BinaryIO:
        """Read one. Raises FileNotFoundError."""
        named = f"{_folder_of(place)}copies/{name}"
        return self._open_pieces(self.bucket.read(named, 0, self.bucket.size(named)).decode())

    # -- segments
    def open_segment(self, task: UUID, attempt: int, name: str) -> Segment:
        """A new segment of this attempt."""
        return PieceWriter(self.bucket, _segment(task, attempt, name), attempt)

    def adopt_segment(self, task: UUID, old: int, new: int, name: str, size: int) -> Segment | None:
        """None: the next attempt begins a segment of its own."""
        return None

    def read_segment(self, task: UUID, attempt: int, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a segment in blocks; OSError if there are fewer."""
        pieces = whole(self._pieces(_segment(task, attempt, name)), size)
        yield from blocks(self.bucket, pieces, PART)

    # -- results
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
        """Make the result of its segments: they are read and sent once more, a few parts at a time in memory."""
        target = f"results/{task}/{attempt}-{_key(name)}"
        size = sum(length for _, length in segments)
        attributes: Attributes = {
            "Content-Type": media_type,
            "Content-Disposition": f'attachment; filename="{_key(name)}"',
        }
        digest, done = hashlib.sha256(), 0
        writer = self.bucket.writer(target, attributes)
        try:
            for number, length in segments:
                for block in self.read_segment(task, number, name, length):
                    self.bucket.write(writer, block)
                    digest.update(block)
                    done += len(block)
                    tick(done)
            self.bucket.close(writer)
        except BaseException:
            # What was sent is made an object and removed: parts that nobody closes would be kept, and paid for.
            if not writer.closed():
                self.bucket.close(writer)
            self.bucket.remove([target])
            raise
        return target, size, digest.hexdigest()

    def settle(self, task: UUID, place: str) -> None:
        """Nothing else is kept than the result that the row names."""
        results = list(self.bucket.keys(f"results/{task}/"))
        if place not in results:
            return
        self.bucket.remove([key for key in results if key != place])
        self.bucket.remove_all(f"segments/{task}/")

    def link(self, place: str, *, seconds: float) -> str | None:
        """An address in the bucket, signed."""
        return self.bucket.link(place, seconds)

    def remove_task(self, task: UUID) -> None:
        """Remove all that a task wrote."""
        for folder in ("segments", "results"):
            self.bucket.remove_all(f"{folder}/{task}/")

    def tasks_with_files(self) -> dict[UUID, bool]:
        """The tasks that have segments or results; True where one result is all."""
        found = {UUID(key.split("/")[1]): False for key in self.bucket.keys("segments/")}
        counted: dict[UUID, int] = {}
        for key in self.bucket.keys("results/"):
            id = UUID(key.split("/")[1])
            counted[id] = counted.get(id, 0) + 1
        return {id: number == 1 for id, number in counted.items()} | found


def _folder_of(place: str) -> str:
    """Where all of an upload lies: uploads/ID/."""
    return "/".join(place.split("/")[:2]) + "/"


def _segment(task: UUID, attempt: int, name: str) -> str:
    return f"segments/{task}/{attempt}-{_key(name)}/"


def _key(name: str) -> str:
    """A kind's name for its file, in characters that a key can hold as they are."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)
