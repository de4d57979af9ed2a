"""The first phase of an import: an upload that is packed, or not UTF-8, becomes a file of plain UTF-8."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, BinaryIO

from waystation.csvio.spool import Unpacking, survey, told
from waystation.model import Upload
from waystation.sdk import Checkpoint, Context

STEP = 0.15  # seconds of work between two checkpoints

Origin = dict[str, Any]


def unpack(
    ctx: Context, upload: Upload, source: BinaryIO, encoding: str | None, cursor: dict[str, Any] | None
) -> Generator[Checkpoint, None, Origin]:
    """Unpack an upload, from its beginning or from the cursor of this phase; what came of it is returned.

    {"packing", "encoding", "why", "spooled": bytes of the UTF-8, or None if the upload itself is read}. An archive can be gone
    on with only where a part of it begins (most have one): after a pause or a crash it is unpacked anew from there.
    """
    found = survey(source, encoding=encoding)
    if found.direct:
        return {**told(found), "spooled": None}
    state, size = (cursor["state"], cursor["size"]) if cursor else (None, 0)
    unpacking = Unpacking(source, found, encoding, ctx.unpack_limits, state)
    with ctx.open_spool(upload.id) as spool:
        saved, moved = time.monotonic(), False
        for step in unpacking:
            spool.write(step.data, at=size)
            size += len(step.data)
            if step.state is not None:
                cursor, moved = {"state": step.state, "size": size}, True
            if time.monotonic() - saved > STEP:
                if moved:
                    spool.flush()
                point = {"unpack": cursor}
                yield Checkpoint(point, done=step.at, total=upload.size, phase="unpack", keep_slot=not moved)
                saved, moved = time.monotonic(), False
        spool.finish(size)
    return {**unpacking.told, "spooled": size}
