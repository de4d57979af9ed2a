"""The file that a task makes: written in segments that carry the attempt's number, fenced as rows are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from waystation.storage.files import Files, Segment

BUFFER = 2**20  # bytes that are collected before they are written


class Result:
    """A result file in the making. What was written before a checkpoint is there after it, and nothing else.

    Its description, saved with each checkpoint, is {"segments": [[attempt, size], …], "released": bool, "media_type": …}.
    `released` is set when an attempt gives its task back of its own will: then the next one goes on in the same segment. After
    a lost lease it opens a new one, and the old counts only up to its checkpointed size.

    A draft (its description says so) is written for the task alone, which reads it: no result, and gone with the task's end.
    """

    def __init__(
        self,
        files: Files,
        task: UUID,
        attempt: int,
        name: str,
        known: dict[str, Any] | None,
        media_type: str,
        *,
        draft: bool = False,
    ) -> None:
        self.name = name
        self.draft = draft
        self.media_type = (known or {}).get("media_type", media_type)
        self._files, self._task, self._attempt = files, task, attempt
        self._segments: list[list[int]] = [list(s) for s in (known or {}).get("segments", [])]
        self._hash = None if self._segments else hashlib.sha256()
        self._file: Segment | None = None
        self._buffer = bytearray()
        if self._segments and (known or {}).get("released"):
            number, size = self._segments[-1]
            self._file = files.adopt_segment(task, number, attempt, name, size)
            if self._file is not None:
                self._segments[-1] = [attempt, size]
        self.size = sum(size for _, size in self._segments)

    def write(self, data: bytes) -> None:
        """Append bytes. Raises DiskFull when there is no room."""
        if self._file is None:
            self._file = self._files.open_segment(self._task, self._attempt, self.name)
            self._segments.append([self._attempt, 0])
        self._segments[-1][1] += len(data)
        self.size += len(data)
        if len(data) >= BUFFER:  # it need not be copied together with what came before
            self._empty()
            self._put(data)
            return
        self._buffer += data
        if len(self._buffer) >= BUFFER:
            self._empty()

    def _empty(self) -> None:
        if self._buffer:
            self._put(self._buffer)
            self._buffer.clear()

    def _put(self, data: bytes | bytearray) -> None:
        assert self._file is not None
        if self._hash is not None:
            self._hash.update(data)
        self._file.write(data)

    def flush(self) -> None:
        """There for good: called before each checkpoint. Raises DiskFull when there is no room."""
        if self._file is not None:
            self._empty()
            self._file.sync()

    def read(self) -> Iterator[bytes]:
        """What was there at the last checkpoint, in blocks."""
        for number, size in self._segments:
            yield from self._files.read_segment(self._task, number, self.name, size)

    def describe(self, *, released: bool = False) -> dict[str, Any]:
        """What the checkpoint says of this file."""
        said = {
            "segments": [list(s) for s in self._segments],
            "released": released,
            "media_type": self.media_type,
        }
        return {**said, "draft": True} if self.draft else said

    @property
    def sha256(self) -> str | None:
        """Known without reading the file again if this attempt wrote all of it; as of the last flush."""
        return self._hash.hexdigest() if self._hash is not None else None

    def close(self) -> None:
        """Let go of the open file."""
        if self._file is not None:
            self._file.close()
            self._file = None
