"""Whatever bytes are sent: an error of ours, or an outcome that counts every record. Never another exception."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.csvio.rows import each_encoder
from tests.unit.csvio.test_nasty import outcome
from waystation.csvio.encoded import Encode

words = [b"a", b"1", b"007", b"2020-01-01", b"_line", b"\xc3\xa9", b"\xe9", b"\0"]
pieces = st.sampled_from([*words, b",", b";", b'"', b"\n", b"\r"])
files = st.one_of(st.binary(max_size=60), st.lists(pieces, max_size=60).map(b"".join))


@each_encoder
@settings(max_examples=600, deadline=None)
@given(data=st.one_of(files, files.map(b"a,b\n".__add__)), target=st.integers(1, 30))
def test_anything(encode: Encode, data: bytes, target: int) -> None:
    cut, whole = outcome(data, target, encode), outcome(data, 2**20, encode)
    assert cut == whole
    assert "error" in whole or whole["rows"] or whole["rejects"]
