"""Chunks end where the csv module ends records, whatever the text."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.csvio.dialects import dialects
from tests.unit.csvio.examples import ran, some
from waystation.csvio import cuts, quotes
from waystation.csvio import encode as chosen
from waystation.csvio.chunks import Chunk, read_chunk
from waystation.csvio.dialect import Dialect
from waystation.csvio.records import scan
from waystation.errors import NotCsv

COMMA = Dialect()
anything = st.text(alphabet="aé,;\"'\\^\n\r", max_size=60)
parts = ["a", ",", '"b,\n"', "'c\r'", '"""c"""', '""', "\n", "\r\n", "\r", ",", "\n", "\\", '\\"', "\\\n", "^,", "^\r\n"]
orderly = st.lists(st.sampled_from(parts)).map("".join)
torture = st.one_of(anything, orderly)
ENDS = {"plain": cuts.last_end, "chosen": chosen.last_end}
if "arrow" in chosen.available():
    from waystation.csvio.arrow import cuts as loops

    ENDS["arrow"] = loops.last_end


def chunks(data: bytes, dialect: Dialect, target: int, start: int = 0) -> list[Chunk]:
    source, found = io.BytesIO(data), []
    while chunk := read_chunk(source, start, dialect, target_bytes=target):
        found.append(chunk)
        start = chunk.end
    return found


def records(text: str, dialect: Dialect, line: int = 0) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), **dialect.format)
    return [(line + reader.line_num, fields) for fields in reader]


@some(250)
@given(text=torture, target=st.integers(1, 40), dialect=dialects(",;"))
@example(text='a"b,"c\nd"\ne', target=3, dialect=COMMA)
@example(text='"a"b,"c\nd"\ne', target=3, dialect=COMMA)
@example(text="a\r\r\n\nb\r\n", target=2, dialect=COMMA)
@example(text='"a""', target=2, dialect=COMMA)
def test_the_records_of_the_chunks_are_the_records_of_the_file(text: str, target: int, dialect: Dialect) -> None:
    ran("records of chunks against records of the file")
    found, line = [], 0
    for chunk in chunks(text.encode(), dialect, target):
        part = chunk.data.decode()
        found += records(part, dialect, line)
        line += sum(1 for _ in io.StringIO(part, newline=""))
    assert found == records(text, dialect)
    assert b"".join(chunk.data for chunk in chunks(text.encode(), dialect, target)) == text.encode()


@pytest.mark.parametrize("name", ENDS)
@some(250)
@given(text=torture, dialect=dialects(",;"), before=st.integers(0, 130))
@example(text='"a"","b\n', dialect=Dialect(doublequote=False), before=0)
@example(text='"a\n\n\n\n"\n', dialect=COMMA, before=60)
@example(text='"a""b"\n', dialect=COMMA, before=60)
def test_the_fast_way_finds_what_the_slow_way_finds(name: str, text: str, dialect: Dialect, before: int) -> None:
    ran("where chunks may be cut")
    data = (before * "x" + "\n" * (before > 0) + text).encode()  # what looks at many bytes at once meets the text anywhere
    slow = max((record.end for record in scan(data, dialect, eof=False)), default=0)
    assert ENDS[name](data, dialect) == slow


@some(250)
@given(text=torture)
def test_quotes_are_called_proper_only_where_the_strict_reader_agrees(text: str) -> None:
    pieces = quotes.split(text.encode(), COMMA)
    if pieces is not None and quotes.closed(pieces, COMMA):
        list(csv.reader(io.StringIO(text, newline=""), strict=True))  # would raise


def test_a_chunk_is_about_as_long_as_was_asked_for() -> None:
    data = b"1,abc\n" * 1000
    found = chunks(data, COMMA, 100)
    assert {len(chunk.data) for chunk in found[:-1]} == {96}


def test_a_record_longer_than_the_target_comes_whole() -> None:
    record = b'1,"' + b"line\n" * 500 + b'"\n'
    first, *others = chunks(record + b"2,b\n" * 5000, COMMA, 64)
    assert first.data.startswith(record)
    assert len(first.data) <= 2 * len(record)
    assert max(len(chunk.data) for chunk in others) == 64


def test_a_quote_that_is_never_closed_ends_the_reading_with_its_place() -> None:
    data = b"1,a\n" + b'2,"' + b"x\n" * 5000
    source = io.BytesIO(data)
    with pytest.raises(NotCsv, match=r"at byte 4 \(line 2\) is longer than 4,096 bytes") as caught:
        read_chunk(source, 4, COMMA, target_bytes=256, max_record_bytes=4096, line=2)
    assert "quote" in caught.value.hint
    assert source.tell() <= 4 + 4097  # no more was read than allowed


def test_too_many_quotes_to_split_at_take_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "MANY", 3)
    data = b'"a","b\n"\n"c","d"\n'
    assert quotes.split(data, COMMA) is None
    assert cuts.last_end(data[:12], COMMA) == len(b'"a","b\n"\n')


def test_nothing_after_the_end() -> None:
    assert read_chunk(io.BytesIO(b"a\n"), 2, COMMA, target_bytes=10) is None
    assert read_chunk(io.BytesIO(b""), 0, COMMA, target_bytes=10) is None


def test_a_dialect_survives_json() -> None:
    assert Dialect.of(Dialect(delimiter="\t", bom=3).as_json()) == Dialect(delimiter="\t", bom=3)
