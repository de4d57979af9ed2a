"""Files on the local disk, below the state folder: uploads, the segments that attempts write, results, downloads.

Only this module makes paths, which are the places that rows name. A name that a person gave is never used as one, but for the
last part of an upload's, cleaned.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from waystation.errors import DiskFull, StorageUnavailable, TooLarge
from waystation.storage.files.appending import Appender
from waystation.storage.files.contract import BLOCK, Files, Segment, clean_name
from waystation.storage.room import room, write_all


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class LocalReceiver:
    """An upload on its way in: hashed as it is written; `finish` makes it durable, `discard` removes it."""

    def __init__(self, home: Path, folder: Path, name: str, limit: int) -> None:
        self.name, self.path = name, folder / name
        self.place = self.path.relative_to(home).as_posix()
        self.size = 0
        self._limit = limit
        self._hash = hashlib.sha256()
        with room():
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("xb", buffering=0)

    def write(self, data: bytes) -> None:
        """More bytes. Raises TooLarge beyond the limit, DiskFull when there is no room."""
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge(f"The upload is larger than {self._limit} bytes (WAYSTATION_MAX_UPLOAD).")
        self._hash.update(data)
        write_all(self._file, data)

    def finish(self) -> str:
        """On the disk for good; the sha256 of what came."""
        with room():
            os.fsync(self._file.fileno())
        self._file.close()
        _sync_folder(self.path.parent)
        return self._hash.hexdigest()

    def discard(self) -> None:
        """As if it had never come."""
        self._file.close()
        shutil.rmtree(self.path.parent, ignore_errors=True)


class LocalSpool:
    """A work file that is written at places: its bytes follow from an upload alone, so that attempts which write it at the
    same time, a dead one and its heir, write the same bytes at the same places."""

    def __init__(self, path: Path) -> None:
        with room():
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def write(self, data: bytes, *, at: int) -> None:
        """Put bytes at an offset. Raises DiskFull."""
        with room(), memoryview(data) as view:
            done = 0
            while done < len(view):
                done += os.pwrite(self._fd, view[done:], at + done)

    def flush(self) -> None:
        """On the disk for good. Raises DiskFull."""
        with room():
            os.fsync(self._fd)

    def finish(self, size: int) -> None:
        """It has so many bytes, and all are on the disk."""
        os.ftruncate(self._fd, size)
        self.flush()

    def __enter__(self) -> LocalSpool:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class LocalSegment:
    """What an attempt writes of a result."""

    def __init__(self, file: RawIOBase) -> None:
        # Without a buffer: a buffered file's close would try again what failed for want of room.
        self._file = file

    def write(self, data: bytes | bytearray) -> None:
        """Append. Raises DiskFull when there is no room."""
        write_all(self._file, data)

    def sync(self) -> None:
        """On the disk for good. Raises DiskFull when there is no room."""
        with room():
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the open file."""
        self._file.close()


class LocalFiles(Files):
    """The folders of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.uploads = home / "uploads"
        self.segments = home / "segments"
        self.results = home / "results"
        self.downloads = home / "downloads"

    def check(self) -> None:
        """Raises StorageUnavailable when the state folder can't be made or written."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with room(), tempfile.TemporaryFile(dir=self.home) as file:
                file.write(b"1")
        except OSError as error:
            raise StorageUnavailable(
                f"The state folder {self.home} can't be written: {error.strerror or error}.",
                remedy="Give it to the user that Waystation runs as, or name another folder in WAYSTATION_HOME.",
            ) from error

    # -- uploads
    def receive(self, id: UUID, name: str, *, limit: int) -> LocalReceiver:
        """Begin to take an upload in."""
        return LocalReceiver(self.home, self.uploads / str(id), clean_name(name), limit)

    def begin(self, id: UUID, name: str, *, size: int) -> str:
        """An empty file for an upload that comes in pieces: its place for the row. Raises DiskFull without room for `size`."""
        path = self.uploads / str(id) / clean_name(name)
        with room():
            path.parent.mkdir(parents=True, exist_ok=True)
            if size > shutil.disk_usage(path.parent).free:
                path.parent.rmdir()
                raise DiskFull(f"The upload has {size} bytes; there is no room for them on the disk.")
            path.open("xb").close()
            _sync_folder(path.parent)
            _sync_folder(self.uploads)
        return self.relative(path)

    def append(self, place: str, *, patience: float = 0.0) -> Appender:
        """Write on in such a file, alone. Raises UploadLocked when somebody else does for so many seconds, UploadNotFound."""
        return Appender(self.home / place, patience=patience)

    def relative(self, path: Path) -> str:
        """How a path is written into the database."""
        return path.relative_to(self.home).as_posix()

    def open(self, place: str) -> BinaryIO:
        """Read a file that the database names."""
        return (self.home / place).open("rb")

    def remove_upload(self, place: str) -> None:
        """Remove an upload with its folder."""
        shutil.rmtree((self.home / place).parent, ignore_errors=True)

    def stray_uploads(self, known: set[str], *, seconds: float) -> list[str]:
        """Uploads that no row names, untouched for so long."""
        found: list[str] = []
        for folder in self.uploads.glob("*"):
            with suppress(FileNotFoundError):
                if folder.name not in known and time.time() - folder.stat().st_mtime > seconds:
                    found.append(self.relative(folder / "data.csv"))
        return found

    # -- what an upload is unpacked to: beside it, so that both go together. No upload's name begins with a dot
    def _spool(self, place: str) -> Path:
        return (self.home / place).with_name(".unpacked")

    def open_spool(self, place: str, attempt: int) -> LocalSpool:
        """Write what an upload is unpacked to."""
        del attempt  # every attempt writes the same bytes at the same places
        return LocalSpool(self._spool(place))

    def open_spooled(self, place: str) -> BinaryIO:
        """Read that."""
        return self._spool(place).open("rb")

    def drop_spool(self, place: str) -> None:
        """Nobody needs it any more."""
        self._spool(place).unlink(missing_ok=True)

    def make_copy(self, place: str, name: str, blocks: Iterable[bytes]) -> None:
        """Keep another form of an upload. It gets its name when it is whole; two attempts never write into the same file."""
        path = self._copy(place, name)
        own = path.with_name(f"{path.name}.{uuid4().hex}")
        try:
            with LocalSpool(own) as spool:
                size = 0
                for block in blocks:
                    spool.write(block, at=size)
                    size += len(block)
                spool.finish(size)
            own.replace(path)
        finally:
            own.unlink(missing_ok=True)

    def open_copy(self, place: str, name: str) -> BinaryIO:
        """Read one. Raises FileNotFoundError."""
        return self._copy(place, name).open("rb")

    def _copy(self, place: str, name: str) -> Path:
        return (self.home / place).with_name(f".{name}")

    # -- segments: an attempt writes only files that carry its own number
    def segment(self, task: UUID, attempt: int, name: str) -> Path:
        """Where this attempt writes its part of a result."""
        return self.segments / str(task) / f"{attempt}-{name}"

    def open_segment(self, task: UUID, attempt: int, name: str) -> LocalSegment:
        """A new segment of this attempt."""
        path = self.segment(task, attempt, name)
        with room():
            path.parent.mkdir(parents=True, exist_ok=True)
            return LocalSegment(path.open("wb", buffering=0))

    def adopt_segment(self, task: UUID, old: int, new: int, name: str, size: int) -> Segment | None:
        """Go on in the segment of an attempt that gave its task back of its own will; None if it is not there.

        A second name for the same file, not a move: should this attempt die before its first checkpoint, the row still
        names the old one, which is there, and of which only the first `size` bytes count.
        """
        source, target = self.segment(task, old, name), self.segment(task, new, name)
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except FileNotFoundError:
            return None
        file = target.open("r+b", buffering=0)
        file.truncate(size)
        file.seek(size)
        return LocalSegment(file)

    def read_segment(self, task: UUID, attempt: int, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a segment in blocks; OSError if there are fewer."""
        path = self.segment(task, attempt, name)
        with path.open("rb") as file:
            while size > 0:
                block = file.read(min(BLOCK, size))
                if not block:
                    raise OSError(errno.EIO, f"{path} is shorter than its checkpoint says")
                size -= len(block)
                yield block

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
        """Make the result of its segments. A single one whose hash is known becomes the result as it is."""
        del media_type  # the row knows it
        target = self.results / str(task) / f"{attempt}-{name}"
        with room():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            if len(segments) == 1 and sha256 is not None:
                os.link(self.segment(task, segments[0][0], name), target)
                size = segments[0][1]
                os.truncate(target, size)
            else:
                size, digest = 0, hashlib.sha256()
                with target.open("wb") as out:
                    for number, length in segments:
                        for block in self.read_segment(task, number, name, length):
                            out.write(block)
                            digest.update(block)
                            size += len(block)
                            tick(size)
                    out.flush()
                    os.fsync(out.fileno())
                sha256 = digest.hexdigest()
            _sync_folder(target.parent)
        return self.relative(target), size, sha256

    def link_download(self, task: UUID, place: str) -> None:
        """Give a result its plain name, downloads/TASK_ID.csv, once the row names it."""
        source = self.home / place
        self.downloads.mkdir(parents=True, exist_ok=True)
        target = self.downloads / f"{task}{''.join(Path(source.name).suffixes)}"
        temporary = target.with_name(f".{target.name}")
        with suppress(FileNotFoundError):
            temporary.unlink()
        os.link(source, temporary)
        temporary.replace(target)

    def settle(self, task: UUID, place: str) -> None:
        """What is right once the row names its result: linked, and nothing else kept. It can be repeated without harm."""
        keep = self.home / place
        if not keep.is_file():
            return
        if not (self.downloads / f"{task}{''.join(keep.suffixes)}").exists():
            self.link_download(task, place)
        for path in keep.parent.iterdir():
            if path != keep:
                path.unlink(missing_ok=True)
        self.remove_segments(task)

    def remove_segments(self, task: UUID) -> None:
        """The pieces of a result that is whole now, or will never be."""
        shutil.rmtree(self.segments / str(task), ignore_errors=True)

    def remove_task(self, task: UUID) -> None:
        """All that a task wrote: segments, results, its download."""
        self.remove_segments(task)
        results = self.results / str(task)
        if results.is_dir():
            for path in results.iterdir():
                (self.downloads / f"{task}{''.join(path.suffixes)}").unlink(missing_ok=True)
            shutil.rmtree(results, ignore_errors=True)

    def link(self, place: str, *, seconds: float) -> str | None:
        """None: a disk has no addresses."""
        return None

    def tasks_with_files(self) -> dict[UUID, bool]:
        """The tasks that have segments, results or downloads; True where all that is there is one result and its download."""
        names: dict[UUID, list[str]] = {}
        for folder in (self.segments, self.results, self.downloads):
            for path in folder.glob("*"):
                with suppress(ValueError):
                    names.setdefault(UUID(path.name.strip(".").split(".")[0]), []).append(folder.name)
        return {id: sorted(found) == ["downloads", "results"] and self._single(id) for id, found in names.items()}

    def _single(self, task: UUID) -> bool:
        with suppress(FileNotFoundError):
            return len(os.listdir(self.results / str(task))) == 1
        return False
