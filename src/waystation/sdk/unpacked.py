"""An upload as plain UTF-8, for kinds that read its records: the file itself, or a copy that is unpacked once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from uuid import uuid4

from waystation.csvio.charset import canonical
from waystation.csvio.packing import Limits
from waystation.csvio.spool import Unpacking, survey
from waystation.model import Upload
from waystation.storage.files import Files, Spool


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
    path = files.plain_copy(upload.path, canonical(encoding) if encoding else "told")
    if not path.exists():
        own = path.with_name(f"{path.name}.{uuid4().hex}")
        try:
            with Spool(own) as spool:
                size = 0
                for step in Unpacking(sent, found, encoding, limits):
                    spool.write(step.data, at=size)
                    size += len(step.data)
                spool.finish(size)
            os.replace(own, path)
        finally:
            own.unlink(missing_ok=True)
    with path.open("rb") as plain:
        yield plain
