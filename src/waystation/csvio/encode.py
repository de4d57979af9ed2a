"""One chunk of CSV to rows for `COPY … FROM STDIN`, and the rejects with their places and reasons.

There are two encoders, alike in all but their speed and the format of their rows: the compiled one, and the plain one for where
it was not built. The variable WAYSTATION_ENCODER=plain chooses the plain one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from waystation.csvio import cuts, plain
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encode, Encoded
from waystation.csvio.formats import ValueFormat
from waystation.csvio.reading import Ragged

__all__ = ["ENCODER", "ColumnPlan", "Encoded", "Ragged", "ValueFormat", "encode", "last_end"]

LastEnd = Callable[[bytes, Dialect], int]


def _choose() -> tuple[str, Encode, LastEnd]:
    if os.environ.get("WAYSTATION_ENCODER") != "plain":
        try:
            from waystation.csvio import compiled
        except ImportError:  # it is optional: an installation without a compiler has none
            pass
        else:
            return "compiled", compiled.encode, compiled.last_end
    return "plain", plain.encode, cuts.last_end


ENCODER, _encode, last_end = _choose()  # "compiled" or "plain": which one serves; what cuts chunks is chosen with it


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
