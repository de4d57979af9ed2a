"""What the tests of this folder share: read a whole CSV the way an import does."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from tests.unit.csvio.rows import copy_rows
from waystation.csvio import encode as chosen
from waystation.csvio.chunks import read_chunk
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encode, Zone
from waystation.csvio.reading import Ragged
from waystation.csvio.rejects import Reject


@dataclass
class Everything:
    """All that came of a file."""

    rows: list[list[str | None]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    records: int = 0
    lines: int = 0
    zones: list[dict[str, Zone]] = field(default_factory=list)


def read_all(
    data: bytes,
    dialect: Dialect,
    plans: list[ColumnPlan],
    *,
    width: int,
    target: int = 2**20,
    start: int = 0,
    line: int = 1,
    encode: Encode = chosen.encode,
    ragged: Ragged = "reject",
) -> Everything:
    """Chunk by chunk from `start`, with the numbers carried on as an import carries them."""
    source, found, at = io.BytesIO(data), Everything(), start
    while chunk := read_chunk(source, at, dialect, target_bytes=target):
        assert chunk.start == at
        assert chunk.data == data[chunk.start : chunk.end]
        made = encode(
            chunk.data,
            dialect,
            plans,
            width=width,
            batch=9,
            first_record=found.records + 1,
            first_line=line + found.lines,
            ragged=ragged,
        )
        assert made.rows_good + made.rows_bad == made.records
        assert made.rows_bad == len(made.rejects)
        found.rows += copy_rows(made, plans)
        found.rejects += made.rejects
        found.records += made.records
        found.lines += made.lines
        found.zones.append(made.zones)
        at = chunk.end
    assert at == len(data)
    return found


def texts(width: int) -> list[ColumnPlan]:
    """So many columns of text: a, b, c …"""
    return [ColumnPlan(n, chr(ord("a") + n), "text") for n in range(width)]
