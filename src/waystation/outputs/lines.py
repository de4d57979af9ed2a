"""Rows as PostgreSQL's COPY writes them in its own text format: one to a line, parted by tabs, `\\N` for null.

Nulls and empty texts are told apart in it, and no line end but the row's own is left as it is: so a file of them can be cut
into batches without being read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

BATCH_ROWS = 2000
BATCH_BYTES = 2**20  # a pause waits for a batch, also where rows have a thousand columns

_SIGNS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_escape = re.compile(r"\\(.)", re.DOTALL).sub


def batches(blocks: Iterable[bytes], *, rows: int = BATCH_ROWS, size: int = BATCH_BYTES) -> Iterator[list[bytes]]:
    """The lines in batches of so many rows, or bytes if that is less. Where they end depends on the lines alone, not on how
    the blocks are cut."""
    batch: list[bytes] = []
    held = 0
    for line in _lines(blocks):
        batch.append(line)
        held += len(line)
        if len(batch) == rows or held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []  # of a line whose end is in a later block
    for block in blocks:
        *whole, rest = block.split(b"\n")
        if whole and begun:
            whole[0] = b"".join((*begun, whole[0]))
            begun = []
        yield from whole
        if rest:
            begun.append(rest)
    assert not begun, "the last row has its line end"


def cells(line: bytes) -> list[str | None]:
    """The values of a row."""
    found: list[str | None] = list(line.decode().split("\t"))
    if b"\\" in line:
        return [None if v == "\\N" else _escape(_sign, v) if v and "\\" in v else v for v in found]
    return found


def _sign(match: re.Match[str]) -> str:
    return _SIGNS.get(match[1], match[1])
