"""Files on the local disk, below the state folder: uploads, the segments that attempts write, results, downloads.

Only this module makes paths. A name that a person gave is never used as a path, but for the last part of an upload's, cleaned.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from waystation.errors import DiskFull, TooLarge
from waystation.storage.appending import Appender
from waystation.storage.room import room

BLOCK = 4 * 2**20


def clean_name(name: str, default: str = "data.csv") -> str:
    """A harmless file name that looks like the one given: no folders, no control characters, 100 characters at most."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').strip(". ")
    return kept[-100:].encode()[-200:].decode(errors="ignore") or default


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Receiver:
    """An upload on its way in: hashed as it is written; `finish` makes it durable, `discard` removes it."""

    def __init__(self, folder: Path, name: str, limit: int) -> None:
        self.path = folder / name
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
        with room():
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]

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


class Spool:
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

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class Files:
    """The folders of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.uploads = home / "uploads"
        self.segments = home / "segments"
        self.results = home / "results"
        self.downloads = home / "downloads"

    # -- uploads
    def receive(self, id: UUID, name: str, *, limit: int) -> Receiver:
        """Begin to take an upload in."""
        return Receiver(self.uploads / str(id), clean_name(name), limit)

    def begin(self, id: UUID, name: str, *, size: int) -> str:
        """An empty file for an upload that comes in pieces: its path for the row. Raises DiskFull without room for `size`."""
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

    def append(self, relative: str, *, patience: float = 0.0) -> Appender:
        """Write on in such a file, alone. Raises UploadLocked when somebody else does for so many seconds, UploadNotFound."""
        return Appender(self.home / relative, patience=patience)

    def relative(self, path: Path) -> str:
        """How a path is written into the database."""
        return path.relative_to(self.home).as_posix()

    def open(self, relative: str) -> BinaryIO:
        """Read a file that the database names."""
        return (self.home / relative).open("rb")

    def remove_upload(self, relative: str) -> None:
        """Remove an upload with its folder."""
        shutil.rmtree((self.home / relative).parent, ignore_errors=True)

    def spool(self, relative: str) -> Path:
        """Where an upload is unpacked to: beside it, so that both go together. No upload's name begins with a dot."""
        return (self.home / relative).with_name(".unpacked")

    def plain_copy(self, relative: str, encoding: str) -> Path:
        """Where the copy of an upload stands that was unpacked and made UTF-8 at one go; it is there only when it is whole."""
        return (self.home / relative).with_name(f".plain-{encoding}")

    # -- segments: an attempt writes only files that carry its own number
    def segment(self, task: UUID, attempt: int, name: str) -> Path:
        """Where this attempt writes its part of a result."""
        return self.segments / str(task) / f"{attempt}-{name}"

    def open_segment(self, task: UUID, attempt: int, name: str) -> RawIOBase:
        """A new segment of this attempt, without a buffer."""
        path = self.segment(task, attempt, name)
        with room():
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("wb", buffering=0)

    def adopt_segment(self, task: UUID, old: int, new: int, name: str, size: int) -> RawIOBase | None:
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
        return file

    # -- results
    def join(
        self,
        task: UUID,
        attempt: int,
        name: str,
        segments: list[tuple[int, int]],
        sha256: str | None,
        tick: Callable[[int], None],
    ) -> tuple[str, int, str]:
        """Make the result of its segments (attempt, size): its path, its size and its sha256.

        A single segment whose hash is known becomes the result as it is. `tick` is called with the bytes done after each
        block, and may raise to leave. The result's name carries the attempt, so that a late one disturbs nobody.
        """
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
                        for block in _blocks(self.segment(task, number, name), length):
                            out.write(block)
                            digest.update(block)
                            size += len(block)
                            tick(size)
                    out.flush()
                    os.fsync(out.fileno())
                sha256 = digest.hexdigest()
            _sync_folder(target.parent)
        return self.relative(target), size, sha256

    def link_download(self, task: UUID, relative: str) -> None:
        """Give a result its plain name, downloads/TASK_ID.csv, once the row names it."""
        source = self.home / relative
        self.downloads.mkdir(parents=True, exist_ok=True)
        target = self.downloads / f"{task}{''.join(Path(source.name).suffixes)}"
        temporary = target.with_name(f".{target.name}")
        with suppress(FileNotFoundError):
            temporary.unlink()
        os.link(source, temporary)
        temporary.replace(target)

    def settle(self, task: UUID, relative: str) -> None:
        """What is right once the row names its result: linked, and nothing else kept. It can be repeated without harm."""
        keep = self.home / relative
        if not keep.is_file():
            return
        if not (self.downloads / f"{task}{''.join(keep.suffixes)}").exists():
            self.link_download(task, relative)
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

    def tasks_with_files(self) -> set[UUID]:
        """The tasks that have segments, results or downloads."""
        found: set[UUID] = set()
        for folder in (self.segments, self.results, self.downloads):
            for path in folder.glob("*"):
                with suppress(ValueError):
                    found.add(UUID(path.name.strip(".").split(".")[0]))
        return found

    def unknown_uploads(self, known: set[str]) -> list[Path]:
        """Folders of uploads that no row names (a process died while it took one in)."""
        return [p for p in self.uploads.glob("*") if p.name not in known]


def _blocks(path: Path, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while length > 0:
            block = file.read(min(BLOCK, length))
            if not block:
                raise OSError(errno.EIO, f"{path} is shorter than its checkpoint says")
            length -= len(block)
            yield block
