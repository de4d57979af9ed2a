"""What counts of the pieces that several attempts wrote is what a file would hold that each of them had truncated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystation.storage.files.pieces import Piece, key_of, laid, whole


def held(pieces: list[Piece], written: dict[str, bytes]) -> bytes:
    return b"".join(written[p.key][: p.end - p.start] for p in whole(pieces))


@given(st.lists(st.tuples(st.integers(0, 40), st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=4)), max_size=6))
def test_each_attempt_truncates_what_came_before(attempts: list[tuple[int, list[bytes]]]) -> None:
    file, written = b"", {}
    for number, (offset, blocks) in enumerate(attempts):
        at = min(offset, len(file))
        file = file[:at]
        for block in blocks:
            written[key_of("f/", at, len(block), number)] = block
            file, at = file + block, at + len(block)
    assert held(laid(map(Piece.of, written)), written) == file


def test_what_an_overtaken_attempt_still_writes_counts_for_nothing() -> None:
    written = {key_of("f/", 0, 4, 1): b"good", key_of("f/", 4, 3, 2): b"new", key_of("f/", 7, 2, 2): b"er"}
    zombie = {key_of("f/", 4, 5, 1): b"stale", key_of("f/", 9, 3, 1): b"..."}
    assert held(laid(map(Piece.of, written | zombie)), written) == b"goodnewer"


def test_a_file_with_a_hole_is_never_read() -> None:
    pieces = laid(map(Piece.of, [key_of("f/", 0, 4, 1), key_of("f/", 6, 4, 1)]))
    with pytest.raises(OSError, match="byte 4"):
        whole(pieces)
    with pytest.raises(OSError, match="byte 4"):
        whole(pieces, 5)
    assert [p.end for p in whole(pieces, 3)] == [3]
