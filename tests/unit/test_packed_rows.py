"""ctx.rows reads packed uploads and other encodings as it reads plain ones, from every place."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import BaseModel

from waystation.csvio.packing import Limits
from waystation.errors import DamagedArchive, InvalidParams
from waystation.model import Upload
from waystation.sdk import Context, Steps, task, unpacked
from waystation.sdk.testing import play
from waystation.storage.files import LocalFiles

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FILE = UUID(int=7)
TEXT = "name,city\nJürgen,Köln\nZoë,Besançon\n\nÅsa,Malmö\n"
PEOPLE = ["Jürgen/Köln", "Zoë/Besançon", "Åsa/Malmö"]
PLAIN = TEXT.encode()


class Params(BaseModel):
    """Which file."""

    upload: UUID = FILE
    encoding: str | None = None


@task("people.greet", unit="people")
def greet(ctx: Context, params: Params, cursor: object = None) -> Steps:
    """Greet everybody."""
    for row in ctx.rows(params.upload, cursor, encoding=params.encoding):
        ctx.log(f"{row['name']}/{row['city']}")
        yield ctx.checkpoint()


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (PLAIN, None),
        (gzip.compress(PLAIN), None),
        (zstd.compress(PLAIN), None),
        (bz2.compress(PLAIN), None),
        (lzma.compress(PLAIN), None),
        (zipped(PLAIN), None),
        (TEXT.encode("utf-16"), None),
        (TEXT.encode("cp1252"), None),
        (TEXT.encode("mac-roman"), "mac-roman"),
        (gzip.compress(TEXT.encode("cp1252")), "windows-1252"),
    ],
    ids=["plain", "gzip", "zstd", "bzip2", "xz", "zip", "utf-16", "cp1252", "named", "both"],
)
def test_every_form_gives_the_same_records_from_every_place(data: bytes, encoding: str | None) -> None:
    params, uploads = {"encoding": encoding}, {FILE: data}
    assert play(greet, params, uploads=uploads).log == PEOPLE
    for steps in (1, 2):
        first = play(greet, params, uploads=uploads, stop_after=steps)
        second = play(greet, params, uploads=uploads, after=first)
        assert first.log + second.log == PEOPLE
        assert second.checkpoints[-1].done == second.checkpoints[-1].total == 3


def test_the_copy_is_made_once_and_is_whole(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    (tmp_path / "uploads/x").mkdir(parents=True)
    upload = Upload(FILE, "people.csv", "uploads/x/people.csv", 1, "", "ann", datetime.now(UTC))
    damaged = gzip.compress(PLAIN * 1000)[:-9]
    with pytest.raises(DamagedArchive), unpacked.open_plain(files, upload, io.BytesIO(damaged), None, Limits(2**30, 200)):
        pass
    assert list((tmp_path / "uploads/x").iterdir()) == [], "half a copy is none"
    sent = io.BytesIO(gzip.compress(PLAIN))
    with unpacked.open_plain(files, upload, sent, None, Limits(2**30, 200)) as first:
        assert first.read() == PLAIN
    [copy] = (tmp_path / "uploads/x").iterdir()
    made = copy.stat().st_ino
    with unpacked.open_plain(files, upload, sent, None, Limits(2**30, 200)) as second:
        assert second.read() == PLAIN
    assert [p.stat().st_ino for p in (tmp_path / "uploads/x").iterdir()] == [made]


def test_what_is_wrong_with_a_file_is_said() -> None:
    with pytest.raises(DamagedArchive, match="cut off"):
        play(greet, {}, uploads={FILE: gzip.compress(PLAIN)[:-9]})
    with pytest.raises(InvalidParams, match="encoding"):
        play(greet, {"encoding": "klingon"}, uploads={FILE: PLAIN})
