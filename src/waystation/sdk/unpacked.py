"""An upload as plain UTF-8, for kinds that read its records: the file itself, or a copy that is unpacked once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from waystation.csvio.charset import canonical
from waystation.csvio.packing import Limits
from waystation.csvio.spool import Unpacking, survey
from waystation.model import Upload
from waystation.storage.files import Files


@contextmanager
def open_plain(files: Files, upload: Upload, sent: BinaryIO, encoding: str | None, limits: Limits) -> Iterator[BinaryIO]:
    """Read an upload, whose bytes are `sent`, as UTF-8.

    Where they have to be unpacked, the copy stands beside the upload and goes with it. It gets its name when it is whole: an
    attempt that is killed on the way leaves none, and two attempts never write into the same one.
    Raises InvalidParams for an `encoding` that is none, DamagedArchive, UnpacksTooLarge, NotCsv and DiskFull.
    """
    found = survey(sent, encoding=encoding)
    if found.direct:
        sent.seek(0)
        yield sent
        return
    name = f"plain-{canonical(encoding) if encoding else 'told'}"
    try:
        plain = files.open_copy(upload.path, name)
    except FileNotFoundError:
        files.make_copy(upload.path, name, (step.data for step in Unpacking(sent, found, encoding, limits)))
        plain = files.open_copy(upload.path, name)
    with plain:
        yield plain
