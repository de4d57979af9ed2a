"""One chunk of CSV to rows for `COPY … FROM STDIN`, and the rejects with their places and reasons.

There are three encoders, alike in all but their speed and the format of their rows: the compiled one; for where it was not
built one of loops that numpy and pyarrow run (the extra `arrow`); and for where those are not installed either the plain one.
The setting WAYSTATION_ENCODER names the one to take; otherwise the first of them that is there serves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from waystation.csvio import cuts, plain
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encode, Encoded
from waystation.csvio.formats import ValueFormat
from waystation.csvio.reading import Ragged

__all__ = ["ENCODER", "ColumnPlan", "Encoded", "Ragged", "ValueFormat", "available", "encode", "last_end"]

LastEnd = Callable[[bytes, Dialect], int]
_ORDER = ("compiled", "arrow", "plain")  # the fastest first


def _load(name: str) -> tuple[Encode, LastEnd] | None:
    """An encoder, and what cuts chunks with it; None where it is not installed."""
    try:
        if name == "compiled":
            from waystation.csvio import compiled

            return compiled.encode, compiled.last_end
        if name == "arrow":
            from waystation.csvio.arrow import cuts as ends
            from waystation.csvio.arrow import encode as loops

            return loops.encode, ends.last_end
    except ImportError:  # without a compiler there is none, and the extra is optional
        return None
    return plain.encode, cuts.last_end


def _wanted() -> tuple[str, ...]:
    asked = os.environ.get("WAYSTATION_ENCODER")
    return (asked, "plain") if asked in _ORDER[:-1] else ("plain",) if asked == "plain" else _ORDER


def _choose() -> tuple[str, Encode, LastEnd]:
    for name in _wanted():
        if found := _load(name):
            return name, *found
    raise AssertionError("the plain encoder is always there")


def available() -> dict[str, Encode]:
    """The encoders that are installed and not excluded by WAYSTATION_ENCODER, the fastest first."""
    return {name: found[0] for name in _wanted() if (found := _load(name))}


ENCODER, _encode, last_end = _choose()  # which one serves, by its name; what cuts chunks is chosen with it


def encode(
    chunk: bytes,
    dialect: Dialect,
    columns: Sequence[ColumnPlan],
    *,
    width: int,
    batch: int,
    first_record: int,
    first_line: int,
    ragged: Ragged = "reject",
) -> Encoded:
    """Check and encode a chunk of whole records, as read_chunk gives them.

    `width` is the number of fields that each record must have; with `ragged="trim"`, those beyond are dropped if they are all
    empty, as behind a trailing delimiter; with "fill", also those missing at its end are null. `first_record` and
    `first_line` are the numbers, from 1, of the chunk's first record and line in the file. Of a row with several bad cells,
    the first in the order of `columns` is named.
    """
    return _encode(
        chunk, dialect, columns, width=width, batch=batch, first_record=first_record, first_line=first_line, ragged=ragged
    )
