"""Archives: told by their first bytes, unpacked in constant memory, and refused in words when they are wrong."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from collections.abc import Callable

import pytest

from waystation.csvio import packing
from waystation.csvio.packing import Limits, Piece, packing_of, unpack
from waystation.errors import DamagedArchive, NotCsv, UnpacksTooLarge, WaystationError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ROOMY = Limits(2**40, 10_000)
DATA = b"".join(b"%d,some words,%d\n" % (n, n * n % 977) for n in range(60_000))


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "bzip2": lambda data: bz2.compress(data, 1),
    "xz": lambda data: lzma.compress(data, preset=0),
    "zip": lambda data: zipped({"data.csv": data}),
}
each_packing = pytest.mark.parametrize("name", PACK)


def pieces(archive: bytes, limits: Limits = ROOMY) -> list[Piece]:
    name = packing_of(archive)
    assert name is not None
    return list(unpack(io.BytesIO(archive), name, limits))


def unpacked(archive: bytes, limits: Limits = ROOMY) -> bytes:
    return b"".join(piece.data for piece in pieces(archive, limits))


@each_packing
def test_what_was_packed_comes_out(name: str) -> None:
    archive = PACK[name](DATA)
    assert packing_of(archive) == name
    assert unpacked(archive) == DATA
    assert max(len(piece.data) for piece in pieces(archive)) <= packing.PIECE
    assert unpacked(PACK[name](b"")) == b""


def test_what_is_not_packed() -> None:
    assert packing_of(b"name,age\nAda,36\n") is None
    assert packing_of(b"") is None


@pytest.mark.parametrize("name", ["gzip", "zstd", "bzip2", "xz"])
def test_several_archives_one_after_the_other_can_be_gone_on_with_at_each(name: str) -> None:
    parts = [DATA[:100_000], b"", DATA[100_000:100_001], DATA[100_001:]]
    archive = b"".join(map(PACK[name], parts))
    found = pieces(archive)
    assert b"".join(piece.data for piece in found) == DATA
    fresh = [number for number, piece in enumerate(found) if piece.fresh]
    assert len(fresh) == 4
    for number in fresh:
        before = b"".join(piece.data for piece in found[: number + 1])
        rest = unpack(io.BytesIO(archive), name, ROOMY, at=found[number].at, made=len(before))
        assert before + b"".join(piece.data for piece in rest) == DATA


@pytest.mark.parametrize("name", ["gzip", "xz"])
def test_zeros_behind_an_archive_are_no_part_of_it(name: str) -> None:
    assert unpacked(PACK[name](DATA) + bytes(1024)) == DATA


@each_packing
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_archive_is_told_so(name: str, share: float) -> None:
    archive = PACK[name](DATA)
    with pytest.raises(DamagedArchive) as caught:
        unpacked(archive[: int(len(archive) * share)])
    assert name in caught.value.detail
    assert caught.value.hint


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zip"])  # zstd has a checksum only if it was asked for one
def test_a_spoilt_archive_is_told_so(name: str) -> None:
    archive = bytearray(PACK[name](DATA))
    archive[len(archive) // 2] ^= 0x5A
    archive[len(archive) // 3] ^= 0x5A
    with pytest.raises(DamagedArchive):
        unpacked(bytes(archive))


def test_rubbish_behind_an_archive_is_told_so() -> None:
    with pytest.raises(DamagedArchive, match="behind its first part"):
        unpacked(gzip.compress(DATA) + b"and more")


@each_packing
def test_a_bomb_is_refused_by_its_size(name: str) -> None:
    with pytest.raises(UnpacksTooLarge, match="WAYSTATION_MAX_UNPACKED"):
        unpacked(PACK[name](DATA), Limits(len(DATA) - 1, 10_000))
    assert len(unpacked(PACK[name](DATA), Limits(len(DATA), 10_000))) == len(DATA)


@pytest.mark.parametrize("name", ["gzip", "zstd", "bzip2", "zip"])
def test_a_bomb_is_refused_by_its_ratio_long_before_its_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "RATIO_FROM", 4 * 2**20)
    bomb = PACK[name](bytes(64 * 2**20))
    came: list[int] = []
    with pytest.raises(UnpacksTooLarge, match="WAYSTATION_MAX_UNPACK_RATIO"):
        came.extend(len(piece.data) for piece in unpack(io.BytesIO(bomb), name, Limits(2**40, 50)))
    assert sum(came) < 32 * 2**20


REFUSED: dict[str, tuple[bytes, type[WaystationError], str]] = {
    "two files": (zipped({"a.csv": b"a\n1\n", "b.csv": b"b\n1\n"}), NotCsv, "2 files"),
    "no file": (zipped({"folder/": b""}), NotCsv, "0 files"),
    "workbook": (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), NotCsv, "Excel"),
    "open document": (zipped({"mimetype": b"application/vnd.oasis", "content.xml": b"<x/>"}), NotCsv, "office"),
    "lzma": (zipped({"a.csv": DATA}, zipfile.ZIP_LZMA), NotCsv, "deflate"),
    "no directory": (zipped({"a.csv": DATA})[:5000], DamagedArchive, "zip"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_zip_of_one_file_is_refused_in_words(name: str) -> None:
    data, error, words = REFUSED[name]
    with pytest.raises(error) as caught:
        unpacked(data)
    assert type(caught.value) is error
    assert words in caught.value.detail
    assert caught.value.hint


def test_a_zip_with_a_password() -> None:
    archive = bytearray(zipped({"a.csv": DATA}))
    archive[6] |= 1
    at = archive.rfind(b"PK\1\2")
    archive[at + 8] |= 1
    with pytest.raises(NotCsv, match="encrypted"):
        unpacked(bytes(archive))


def test_what_macos_and_folders_add_to_a_zip_does_not_count() -> None:
    archive = zipped({"export/": b"", "export/data.csv": DATA, "__MACOSX/export/._data.csv": b"\0\5\x16\7"})
    assert unpacked(archive) == DATA


def test_a_zip_that_is_all_table_of_contents_is_not_read_into_memory() -> None:
    archive = zipped({f"{'x' * 200}{n}.csv": b"" for n in range(12_000)})
    with pytest.raises(NotCsv, match="one file"):
        unpacked(archive)


def test_an_archive_that_wants_much_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**28}]
    with pytest.raises(DamagedArchive, match="xz"):
        unpacked(lzma.compress(DATA, filters=filters))
