"""From any file to plain UTF-8: what it is packed and encoded as, and how it is unpacked step by step."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from waystation.csvio.charset import Charset, Transcoder, canonical, judge, marked, spoken, whole_characters
from waystation.csvio.packing import Limits, Piece, packing_of, unpack
from waystation.csvio.sniff import HEAD_BYTES

PLACES, SAMPLE = 64, 64 * 1024  # where a file's encoding is looked at, and bytes of each place
PIECE = 2**20  # bytes that are transcoded at once


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file is packed as (None: not at all) and encoded in (None: found out while it is unpacked)."""

    packing: str | None
    charset: Charset | None

    @property
    def direct(self) -> bool:
        """The file itself is UTF-8: there is nothing to unpack."""
        return self.packing is None and self.charset is not None and self.charset.plain


@dataclass(frozen=True, slots=True)
class Step:
    """Some bytes of the UTF-8, and how far the file was read for them. `state`: unpacking can go on from there with it."""

    data: bytes
    at: int
    state: dict[str, Any] | None


class Unpacking:
    """The way of a file to UTF-8. `state` is that of an earlier step, after which it goes on."""

    def __init__(
        self, source: BinaryIO, found: Survey, encoding: str | None, limits: Limits, state: dict[str, Any] | None = None
    ) -> None:
        self._source, self._packing, self._limits = source, found.packing, limits
        self._at: int = state["at"] if state else 0
        self._made: int = state["made"] if state else 0
        self._transcoder = Transcoder(encoding, found.charset, state["transcoder"] if state else None)

    def __iter__(self) -> Iterator[Step]:
        """The steps. Raises DamagedArchive, UnpacksTooLarge and NotCsv."""
        at = self._at
        for piece in self._pieces():
            self._made += len(piece.data)
            at = piece.at
            data = self._transcoder.feed(piece.data)
            inner = self._transcoder.state if piece.fresh else None
            yield Step(data, at, {"at": at, "made": self._made, "transcoder": inner} if inner else None)
        yield Step(self._transcoder.feed(b"", final=True), at, None)

    def _pieces(self) -> Iterator[Piece]:
        if self._packing is not None:
            yield from unpack(self._source, self._packing, self._limits, at=self._at, made=self._made)
            return
        self._source.seek(self._at)
        at = self._at
        while data := self._source.read(PIECE):
            at += len(data)
            yield Piece(data, at, fresh=True)

    @property
    def told(self) -> dict[str, Any]:
        """For people: how the file is packed and encoded, and why that is thought."""
        return told(Survey(self._packing, self._transcoder.charset))


def told(found: Survey) -> dict[str, Any]:
    """For people: how a file is packed and encoded, and why that is thought."""
    charset = found.charset or Charset("utf-8", 0, "all its bytes are ASCII")
    return {"packing": found.packing, "encoding": spoken(charset.name), "why": charset.why}


def survey(source: BinaryIO, *, encoding: str | None = None, places: int = PLACES) -> Survey:
    """Look at a seekable file, at its beginning and `places` more. Raises InvalidParams for an `encoding` that is none."""
    if encoding is not None:
        canonical(encoding)
    source.seek(0)
    head = source.read(HEAD_BYTES)
    packing = packing_of(head)
    if packing is not None:
        return Survey(packing, None)
    ascii_only = Charset("utf-8", 0, "all its bytes are ASCII" if places else "not looked at")
    return Survey(None, marked(head, encoding) or judge(_samples(source, head, places)) or ascii_only)


def _samples(source: BinaryIO, head: bytes, places: int) -> bytes:
    found = [] if head.isascii() else [whole_characters(head, begun=True)]
    size = source.seek(0, 2)
    step = max(1, (size - len(head)) // max(1, places))
    for at in range(len(head), size, step) if places and size > len(head) else ():
        source.seek(at)
        data = source.read(SAMPLE)
        if not data.isascii():
            found.append(whole_characters(data))
    return b"\n".join(found)


def beginning(source: BinaryIO, encoding: str | None) -> BinaryIO:
    """The first HEAD_BYTES and one of a file as UTF-8: enough for sniff to tell whether it is a CSV at all."""
    found = survey(source, encoding=encoding, places=0)
    out = io.BytesIO()
    for step in Unpacking(source, found, encoding, Limits(2**62, float("inf"))):
        out.write(step.data)
        if out.tell() > HEAD_BYTES:
            break
    out.truncate(HEAD_BYTES + 1)
    out.seek(0)
    return out
