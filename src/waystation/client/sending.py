"""Sending a file so that a broken connection costs nothing: tus 1.0, from where the server stands, as often as it takes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from waystation.client.bars import Told
from waystation.client.shapes import UploadJson
from waystation.errors import (
    ChecksumMismatch,
    DiskFull,
    NotFound,
    OffsetMismatch,
    ServerNotReachable,
    Unavailable,
    UploadLocked,
    WaystationError,
)
from waystation.wire import BLOCK, Wire

VERSION = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"
PATIENCE = 120.0  # seconds without a byte of progress after which sending is given up
LONGEST_PAUSE = 5.0  # seconds between two tries
KEPT = 30 * 86400.0  # seconds that an unfinished upload is remembered
_AGAIN = (ServerNotReachable, UploadLocked, Unavailable, OffsetMismatch)


class Memory:
    """Where the upload of a file was begun, kept in a folder: the same file sent again goes on, even in another process.

    A file is the same if its place, its size, its time and its inode are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _slot(self, server: str, file: Path) -> Path:
        facts = file.stat()
        key = json.dumps([server, str(file.resolve()), facts.st_size, facts.st_mtime_ns, facts.st_ino])
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.upload"

    def get(self, server: str, file: Path) -> str | None:
        """The address of an upload that was begun."""
        with contextlib.suppress(FileNotFoundError):
            return self._slot(server, file).read_text() or None
        return None

    def put(self, server: str, file: Path, url: str) -> None:
        """Remember it, and forget what is old."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._slot(server, file).write_text(url)
        for slot in self._folder.glob("*.upload"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - slot.stat().st_mtime > KEPT:
                    slot.unlink()

    def forget(self, server: str, file: Path) -> None:
        """It is whole, or gone."""
        self._slot(server, file).unlink(missing_ok=True)


class Sender:
    """One file on its way. `size` is its bytes, from where `file` stands now; nothing of it is kept in memory."""

    def __init__(self, wire: Wire, file: IO[bytes], size: int, told: Told, *, patience: float) -> None:
        self._wire, self._file, self._size, self._told = wire, file, size, told
        self._start = file.tell()
        self._patience = patience
        self._hash, self._hashed = hashlib.sha256(), 0

    def send(self, name: str, memory: Memory | None = None) -> UploadJson:
        """The whole upload. Raises what the server refuses, ServerNotReachable when it is away for too long, and
        ChecksumMismatch when other bytes arrived than were sent (or the file changed meanwhile): nothing is kept then."""
        path = Path(self._file.name) if memory is not None and os.path.isfile(str(self._file.name)) else None
        url = memory.get(self._wire.url, path) if memory and path else None
        try:
            here = self._standing(url) if url else None
        except NotFound:  # it waited too long
            here = None
        if here is None or here["size"] != self._size:
            here = self._announce(name)
        if memory and path:
            memory.put(self._wire.url, path, here["self_url"])
        whole = self._continue(here)
        if memory and path:
            memory.forget(self._wire.url, path)
        self._hash_up_to(self._size)
        if whole["sha256"] != self._hash.hexdigest():
            self.give_up(whole)
            raise ChecksumMismatch("Other bytes arrived than were sent, or the file changed while it was read.")
        return whole

    def give_up(self, upload: UploadJson) -> None:
        """Nobody needs it: remove it from the server, if that can be done."""
        with contextlib.suppress(WaystationError), self._wire.ask("DELETE", upload["self_url"], headers=VERSION):
            pass

    def _announce(self, name: str) -> UploadJson:
        headers = {
            **VERSION,
            "Upload-Length": str(self._size),
            "Upload-Metadata": f"filename {b64encode(name.encode(errors='replace')).decode()}",
        }
        with self._wire.ask("POST", "/uploads", headers=headers) as answer:
            return cast(UploadJson, json.load(answer))

    def _standing(self, url: str) -> UploadJson:
        with self._wire.ask("GET", url, headers=VERSION) as answer:
            return cast(UploadJson, json.load(answer))

    def _continue(self, here: UploadJson) -> UploadJson:
        """Send on until all is there; a try that brings nothing forward is made again for `patience` seconds."""
        furthest, deadline, pause = here["offset"], time.monotonic() + self._patience, 0.0
        while not here["complete"]:
            try:
                self._patch(here)
                here = self._standing(here["self_url"])
            except DiskFull:
                raise
            except _AGAIN:
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2 or 0.2)
                with contextlib.suppress(*_AGAIN):
                    here = self._standing(here["self_url"])
            if here["offset"] > furthest:
                furthest, deadline, pause = here["offset"], time.monotonic() + self._patience, 0.0
        return here

    def _patch(self, here: UploadJson) -> None:
        offset = here["offset"]
        headers = {
            **VERSION,
            "Upload-Offset": str(offset),
            "Content-Type": BODY,
            "Content-Length": str(self._size - offset),
        }
        self._hash_up_to(offset)
        with self._wire.ask("PATCH", here["self_url"], self._blocks(offset), headers):
            pass

    def _blocks(self, offset: int) -> Iterator[bytes]:
        self._file.seek(self._start + offset)
        while offset < self._size and (block := self._file.read(min(BLOCK, self._size - offset))):
            self._told(offset, self._size)
            yield block
            if offset + len(block) > self._hashed >= offset:
                self._hash.update(memoryview(block)[self._hashed - offset :])
                self._hashed = offset + len(block)
            offset += len(block)
        if offset < self._size:
            raise ChecksumMismatch("The file became shorter while it was read.")
        self._told(offset, self._size)

    def _hash_up_to(self, offset: int) -> None:
        """Hash what this process has not sent itself: another one sent it, or the server had it all along."""
        self._file.seek(self._start + self._hashed)
        while self._hashed < offset and (block := self._file.read(min(BLOCK, offset - self._hashed))):
            self._hash.update(block)
            self._hashed += len(block)
