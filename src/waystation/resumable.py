"""Uploads that come in pieces: announced, continued where they stand, and in the end the same as any other upload.

One request writes to an upload at a time; how far it is stands in the row, and only after the bytes are on the disk for good.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from waystation.errors import (
    ChecksumMismatch,
    OffsetMismatch,
    TooLarge,
    UploadInUse,
    UploadLocked,
    UploadNotFound,
    WaystationError,
)
from waystation.model import UnfinishedUpload, Upload
from waystation.settings import Settings
from waystation.storage import unfinished, uploads
from waystation.storage.db import Database
from waystation.storage.files import BLOCK, Files, Growing, clean_name

CHECKSUMS = ("sha1", "sha256")
SYNC_BYTES = 16 * 2**20  # bytes and
SYNC_SECONDS = 1.0  # seconds after which what came is made durable: a crash costs no more than that
HASHES = 1000  # unfinished uploads whose hash so far is remembered


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must hash to: one of CHECKSUMS, and the digest."""

    algorithm: str
    digest: bytes


class Hashes:
    """How far each upload is hashed, in this process's memory: a state of sha256 can't be written down.

    Where the state is lost (another process took the upload over), the whole file is hashed when it is complete.
    """

    def __init__(self) -> None:
        self._states: OrderedDict[UUID, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, id: UUID, offset: int) -> Any | None:
        """The hash of the first `offset` bytes, to go on with; None if it is not known."""
        with self._lock:
            at, state = self._states.pop(id, (-1, None))
        return hashlib.sha256() if offset == 0 else state if at == offset else None

    def put(self, id: UUID, offset: int, state: Any | None) -> None:
        """Remember it for the next request."""
        if state is not None:
            with self._lock:
                self._states[id] = (offset, state)
                while len(self._states) > HASHES:
                    self._states.popitem(last=False)


class Resumable:
    """Announce, continue and give up uploads. Safe to use from several threads and processes."""

    def __init__(self, database: Database, files: Files, settings: Settings) -> None:
        self._database, self._files, self._settings = database, files, settings
        self._seconds = settings.upload_hours * 3600
        self._hashes = Hashes()

    def announce(self, *, name: str, size: int, metadata: str, actor: str) -> Upload | UnfinishedUpload:
        """A file of `size` bytes is to come. An empty one is finished at once. Raises TooLarge and DiskFull."""
        if size > self._settings.max_upload:
            raise TooLarge(f"The upload has {size} bytes; {self._settings.max_upload} is the most (WAYSTATION_MAX_UPLOAD).")
        id = uuid4()
        path = self._files.begin(id, name, size=size)
        with self._database.transaction() as connection:
            made = unfinished.insert(
                connection,
                id=id,
                name=clean_name(name),
                path=path,
                size=size,
                metadata=metadata,
                created_by=actor,
                seconds=self._seconds,
            )
        return self.show(made.id) if size == 0 else made

    def show(self, id: UUID, *, patience: float = 0.0) -> Upload | UnfinishedUpload:
        """The upload as it stands; one that somebody writes to is waited for, `patience` seconds at most.

        All bytes here but not counted as whole yet (a process died just then): it is made so now. Raises UploadNotFound, and
        UploadLocked when that is just being done.
        """
        found = self._find(id)
        if isinstance(found, Upload) or (patience == 0 and found.received < found.size):
            return found
        try:
            with self._files.append(found.path, patience=patience):
                found = self._find(id)
                if isinstance(found, UnfinishedUpload) and found.received == found.size:
                    self._finish(found, self._hashes.take(id, found.size))
        except UploadLocked:
            if isinstance(found, Upload) or found.received == found.size:
                raise
        return self._find(id)

    def take(
        self,
        id: UUID,
        offset: int,
        blocks: Iterable[bytes],
        *,
        length: int | None = None,
        checksum: Checksum | None = None,
        patience: float = 0.0,
    ) -> Upload | UnfinishedUpload:
        """Bytes from `offset` on; the upload after them. `length` is how many are promised, if that is known.

        What came before `blocks` raised counts, unless there is a checksum: then all of it counts or nothing. Raises
        UploadNotFound, UploadLocked, OffsetMismatch, TooLarge, ChecksumMismatch, DiskFull.
        """
        found = self._find(id)
        if isinstance(found, Upload):
            if offset == found.size and not length:
                return found
            raise OffsetMismatch(f"The upload is whole: it has {found.size} bytes.")
        with self._files.append(found.path, patience=patience) as file:
            with self._database.transaction() as connection:
                claimed = unfinished.claim(connection, id, offset, seconds=self._seconds)
            if claimed is None:
                raise self._elsewhere(id, offset)
            if offset + (length or 0) > claimed.size:
                raise _too_much(claimed)
            piece = Piece(self._database, self._seconds, file, claimed, self._hashes.take(id, offset), checksum)
            try:
                for block in blocks:
                    piece.write(block)
                piece.verify()
            finally:
                piece.close()
                self._hashes.put(id, *piece.hashed)
            if piece.row.received == piece.row.size:
                self._finish(piece.row, self._hashes.take(id, piece.row.size))
        return self._find(id)

    def give_up(self, id: UUID) -> None:
        """Remove an upload, whole or not, that no task has. Raises UploadNotFound, UploadInUse."""
        found = self._find(id)
        with self._database.transaction() as connection:
            if isinstance(found, UnfinishedUpload):
                gone = unfinished.delete(connection, id)
            else:
                gone = uploads.delete(connection, id, task=None)
        if gone:
            self._hashes.take(id, -1)
            self._files.remove_upload(found.path)
            return
        now = self._find(id)
        if isinstance(now, Upload) and now.task is not None:
            raise UploadInUse(f"Task {now.task} has this upload.", task_id=str(now.task))
        self.give_up(id)  # it became whole just now

    def _find(self, id: UUID) -> Upload | UnfinishedUpload:
        with self._database.transaction() as connection:
            # In this order: what is no longer unfinished is whole by then.
            found = unfinished.get(connection, id) or uploads.get(connection, id)
        if found is None:
            raise UploadNotFound(f"There is no upload {id}.")
        return found

    def _elsewhere(self, id: UUID, offset: int) -> WaystationError:
        now = self._find(id)
        here = now.size if isinstance(now, Upload) else now.received
        if here == offset:  # it became so since it was asked
            return UploadLocked()
        return OffsetMismatch(f"These bytes begin at {offset}, but {here} are here.", offset=here)

    def _finish(self, row: UnfinishedUpload, state: Any | None) -> None:
        """All is here: from now on it is an upload like any other. Called by who holds the file's lock."""
        sha256 = (state or self._hash_again(row)).hexdigest()
        with self._database.transaction() as connection:
            if unfinished.complete(connection, row.id, row.attempt):
                uploads.insert(
                    connection,
                    id=row.id,
                    name=row.name,
                    path=row.path,
                    size=row.size,
                    sha256=sha256,
                    created_by=row.created_by,
                    metadata=row.metadata,
                )

    def _hash_again(self, row: UnfinishedUpload) -> Any:
        digest = hashlib.sha256()
        with self._files.open(row.path) as file:
            while block := file.read(BLOCK):
                digest.update(block)
        return digest


class Piece:
    """The bytes of one request on their way into the file; `row` says how far the upload is for good."""

    def __init__(
        self,
        database: Database,
        seconds: float,
        file: Growing,
        row: UnfinishedUpload,
        state: Any | None,
        checksum: Checksum | None,
    ) -> None:
        self.row = row
        self.hashed = (row.received, state)  # how many bytes the hash has seen, and the hash
        self._database, self._seconds, self._file = database, seconds, file
        self._expected = checksum
        self._check = hashlib.new(checksum.algorithm) if checksum else None
        self._at = row.received
        self._synced_at = time.monotonic()
        file.start(row.received, row.attempt)

    def write(self, block: bytes) -> None:
        """More bytes. Raises TooLarge beyond the promised size, DiskFull, and UploadNotFound when the upload was removed."""
        if self._at + len(block) > self.row.size:
            raise _too_much(self.row)
        self._file.write(block)
        self._at += len(block)
        if self.hashed[1] is not None:
            self.hashed[1].update(block)
            self.hashed = (self._at, self.hashed[1])
        if self._check is not None:
            self._check.update(block)
        elif self._at - self.row.received >= SYNC_BYTES or time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self._sync()

    def verify(self) -> None:
        """All that was to come has come; if there is a checksum it must fit. Raises ChecksumMismatch."""
        if self._check is None or self._expected is None:
            return
        if self._check.digest() != self._expected.digest:
            found = base64.b64encode(self._check.digest()).decode()
            raise ChecksumMismatch(f"The {self._expected.algorithm} of the bytes that came is {found}.")
        self._check = None

    def close(self) -> None:
        """What came counts from now on; but nothing of it does if a checksum was given and not met."""
        if self._check is None:
            self._sync()
        else:
            self.hashed = (self.row.received, None)  # it has seen what does not count: all is hashed at the end

    def _sync(self) -> None:
        self._synced_at = time.monotonic()
        if self._at == self.row.received:
            return
        self._file.sync()
        with self._database.transaction() as connection:
            row = unfinished.advance(connection, self.row.id, self.row.attempt, self._at, seconds=self._seconds)
        if row is None:
            raise UploadNotFound("This upload was removed while its bytes came.")
        self.row = row


def _too_much(row: UnfinishedUpload) -> TooLarge:
    return TooLarge(f"The upload was announced with {row.size} bytes, and more came.", remedy="Announce a new upload.")
