"""gzip, zstd, bzip2, xz and zip: told by their first bytes, and unpacked piece by piece in constant memory."""

from __future__ import annotations

import bz2
import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from waystation.errors import DamagedArchive, NotCsv, UnpacksTooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READ = 256 * 1024  # bytes of an archive that are read at once
PIECE = 2**20  # bytes that are unpacked at once
WINDOW = 2**27  # the most bytes that an archive may want its unpacker to remember
RATIO_FROM = 64 * 2**20  # up to so many bytes unpacked, no ratio is too great: that much does no harm
ZIP_READ = 2 * 2**20  # bytes that are read at once of a zip archive

_SIGNS = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh", "xz": b"\xfd7zXZ\0", "zip": b"PK\x03\x04"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may unpack to: so many bytes, and so many times its own size."""

    size: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Some unpacked bytes. `at` is how far the archive was read for them; `fresh`: unpacking can begin anew from there."""

    data: bytes
    at: int
    fresh: bool = False


class _Decoder(Protocol):
    """What the decoders of the standard library have in common. `decompress` gives at most so many bytes."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib keeps what it had no room for apart; here it is fed again by itself, as the other decoders do it."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        made = self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)
        self.needs_input = len(made) < max_length
        return made


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": _Gzip,
    "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW.bit_length() - 1}),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=WINDOW),
}
_DAMAGED = (zlib.error, zstd.ZstdError, lzma.LZMAError, OSError, ValueError, EOFError)


def packing_of(head: bytes) -> str | None:
    """How a file that begins so is packed; None if it is not."""
    return next((name for name, sign in _SIGNS.items() if head.startswith(sign)), None)


def unpack(source: BinaryIO, packing: str, limits: Limits, *, at: int = 0, made: int = 0) -> Iterator[Piece]:
    """Unpack a seekable file from its beginning, or from a place `at` that a piece called fresh, with `made` bytes before it.

    Raises DamagedArchive, UnpacksTooLarge, and NotCsv for a zip archive that is not one file.
    """
    for piece in _zipped(source) if packing == "zip" else _members(source, packing, at):
        made += len(piece.data)
        if made > limits.size:
            raise UnpacksTooLarge(
                f"The {packing} archive unpacks to more than {limits.size:,} bytes (WAYSTATION_MAX_UNPACKED)."
            )
        if made > RATIO_FROM and made > limits.ratio * piece.at:
            raise UnpacksTooLarge(
                f"The {packing} archive unpacks to more than {limits.ratio:g} times its size: {made:,} bytes came of its first"
                f" {piece.at:,} (WAYSTATION_MAX_UNPACK_RATIO)."
            )
        yield piece


def _members(source: BinaryIO, packing: str, at: int) -> Iterator[Piece]:
    """gzip and its like may be several archives one after the other, with zeros behind them."""
    source.seek(at)
    fed, first = b"", at == 0
    while True:
        while not fed:
            fed = source.read(READ)
            if not fed:
                return
            at += len(fed)
            fed = fed if first else fed.lstrip(b"\0")
        decoder = _DECODERS[packing]()
        while not decoder.eof:
            try:
                data = decoder.decompress(fed, PIECE)
            except _DAMAGED as error:
                behind = "" if first else " behind its first part"
                raise DamagedArchive(f"The {packing} archive is damaged{behind}: {error}.") from error
            fed = b""
            if data:
                yield Piece(data, at)
            if not decoder.eof and decoder.needs_input:
                fed = source.read(READ)
                if not fed:
                    raise DamagedArchive(f"The {packing} archive is cut off: it ends after {at:,} bytes, in mid-data.")
                at += len(fed)
        first = False
        fed = decoder.unused_data.lstrip(b"\0")
        yield Piece(b"", at - len(fed), fresh=True)


def _zipped(source: BinaryIO) -> Iterator[Piece]:
    """The one file in a zip archive; the folders and the shadow files that macOS adds do not count."""
    try:
        with zipfile.ZipFile(_Bounded(source)) as archive:
            member = _only(archive.infolist())
            with archive.open(member) as file:
                while data := file.read(PIECE):
                    yield Piece(data, source.tell())
    except zipfile.BadZipFile as error:
        raise DamagedArchive(f"The zip archive is damaged: {error}.") from error
    except _DAMAGED as error:
        raise DamagedArchive(f"The zip archive is damaged or cut off: {str(error) or 'it ends in mid-data'}.") from error
    except (NotImplementedError, RuntimeError) as error:  # a method of other programs, or a password
        raise NotCsv(f"The zip archive can't be unpacked: {error}.", remedy=_ZIP_REMEDY) from error


_ZIP_REMEDY = "Put the one CSV file into a plain zip archive without a password, or use gzip or zstd."


def _only(members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    names = [m.filename for m in members]
    if "[Content_Types].xml" in names:
        raise NotCsv("The file is an Excel workbook or another office document, not CSV.", remedy="Save it as CSV in UTF-8.")
    if "mimetype" in names:
        raise NotCsv("The file is an office document or a book, not CSV.", remedy="Save it as CSV in UTF-8.")
    files = [m for m in members if not (m.is_dir() or m.filename.startswith("__MACOSX/"))]
    if len(files) != 1:
        raise NotCsv(f"The zip archive holds {len(files)} files; it must hold one.", remedy=_ZIP_REMEDY)
    if files[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotCsv("The zip archive is packed in an unusual way, not by deflate.", remedy=_ZIP_REMEDY)
    return files[0]


class _Bounded(io.BufferedIOBase):
    """A zip archive's bytes, of which no reader takes many at once: zipfile reads a table of contents whole, however long."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0, /) -> int:
        return self._source.seek(place, whence)

    def tell(self) -> int:
        return self._source.tell()

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            here = self._source.tell()
            size = self._source.seek(0, 2) - here
            self._source.seek(here)
        if size > ZIP_READ:
            raise NotCsv("The zip archive has a very long table of contents; it must hold one file.", remedy=_ZIP_REMEDY)
        return self._source.read(size)
