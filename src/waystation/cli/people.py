"""Writing the file of invented people, for `waystation generate` and for data.py."""

from __future__ import annotations

from typing import IO


def write_people(file: IO[bytes], rows: int, *, seed: int = 0) -> int:
    """Write a header and so many rows, block by block; the number of bytes."""
    from waystation.csvio import people  # its maker of names takes half a second to load

    size = file.write(people.HEADER)
    for block in people.blocks(rows, seed=seed):
        size += file.write(block)
    return size
