"""What is found out about a file from its head, and which files are refused."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import Any

import pytest

from waystation.csvio.sniff import HEAD_BYTES, Sniffed, sniff
from waystation.errors import EmptyFile, InvalidParams, NoRows, NotCsv, TooManyColumns, WaystationError


def look(data: bytes, delimiter: str | None = None) -> Sniffed:
    return sniff(io.BytesIO(data), delimiter=delimiter)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def test_a_plain_file() -> None:
    found = look(b"name,age\nAda,36\n")
    assert found.header == found.names == ("name", "age")
    assert (found.data_offset, found.data_line) == (9, 2)
    assert (found.dialect.delimiter, found.dialect.bom, found.renamed, found.dropped) == (",", 0, {}, ())


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = 'name|price|note\nx|1.5|"a, b; c"\ny|2.5|"d, e"\n'.replace("|", delimiter)
    assert look(text.encode()).dialect.delimiter == delimiter


def test_a_decimal_comma_does_not_mislead() -> None:
    assert look(b"name;price\nx;1,5\ny;2,5\n").dialect.delimiter == ";"
    assert look(b"name;price, net\nx;1,5\ny;2,5\n").dialect.delimiter in ";,"
    assert look(b"name;price, net;n\nx;1,5;2,5\ny;2;1\nz;3;4\n").dialect.delimiter == ";"


def test_a_delimiter_that_is_named_is_taken() -> None:
    found = look(b"a^b,c\n1^2,3\n", "^")
    assert found.header == ("a", "b,c")


@pytest.mark.parametrize("delimiter", ['"', "\n", "ab", "", "é", "\0"])
def test_what_can_not_be_a_delimiter(delimiter: str) -> None:
    with pytest.raises(InvalidParams):
        look(b"a,b\n1,2\n", delimiter)


def test_byte_order_mark_blank_lines_and_crlf() -> None:
    found = look(b"\xef\xbb\xbf\r\n\r\nname,age\r\nAda,36\r\n")
    assert found.header == ("name", "age")
    assert (found.dialect.bom, found.data_offset, found.data_line) == (3, 17, 4)


def test_a_header_with_quoted_line_breaks() -> None:
    found = look(b'"first\nname",age\nAda,36\n')
    assert found.header == ("first\nname", "age")
    assert found.names == ("first name", "age")
    assert (found.data_offset, found.data_line) == (17, 3)


def test_lone_cr() -> None:
    found = look(b"a,b\r1,2\r")
    assert (found.header, found.data_offset, found.data_line) == (("a", "b"), 4, 2)


def test_a_single_column() -> None:
    assert look(b"email\na@example.org\n").header == ("email",)


def test_the_separator_line_of_excel() -> None:
    found = look(b"sep=;\r\na;b\r\n1;2\r\n")
    assert (found.header, found.dialect.delimiter, found.data_offset, found.data_line) == (("a", "b"), ";", 12, 3)


def test_the_columns_of_a_rejects_file_are_dropped() -> None:
    found = look(b"name,age,_line,_error\nAda,36,7,age: 'x' is not a whole number\n")
    assert found.dropped == (2, 3)
    assert found.names == ("name", "age", "_line", "_error")
    assert found.renamed == {}
    twice = look(b"line,_line,_error,_line,_error\n1,2,3,4,5\n")
    assert twice.dropped == (1, 2, 3, 4)
    assert twice.names[0] == "line"


def test_a_file_longer_than_its_head() -> None:
    found = look(b"a,b\n" + b"1,2\n" * HEAD_BYTES)
    assert found.data_offset == 4


@pytest.mark.parametrize(
    ("data", "names", "trailing"),
    [
        (b"a,b,\n1,2,\n3,4,\n", ("a", "b"), True),
        (b"a,b,\n1,2\n3,4\n", ("a", "b"), True),
        (b"a;b;;;\n1;2;;;\n", ("a", "b"), True),
        (b"a,b\n1,2,\n3,4,\n", ("a", "b"), True),
        (b"a,b\n1,2,\n3,4\n", ("a", "b"), False),
        (b"a,b\n1,2,x\n3,4,\n", ("a", "b"), False),
        (b"a,b,\n1,2,\n3,4,x\n", ("a", "b", "column_3"), False),
        (b"a,,b\n1,2,3\n", ("a", "column_2", "b"), False),
        (b"a,b,\n1,2,,x\n3,4,\n", ("a", "b"), True),
    ],
)
def test_delimiters_at_the_end_of_lines_make_no_column(data: bytes, names: tuple[str, ...], trailing: bool) -> None:
    found = look(data)
    assert (found.names, found.trailing) == (names, trailing)


def test_a_file_without_a_header() -> None:
    found = sniff(io.BytesIO(b"\n1,x\n2,y\n"), header=False)
    assert (found.names, found.data_offset, found.data_line) == (("column_1", "column_2"), 0, 1)
    found = sniff(io.BytesIO(b"\xef\xbb\xbf1;x;\n2;y;\n"), header=["n", "_w"])
    assert (found.names, found.renamed, found.data_offset, found.trailing) == (("n", "w"), {"_w": "w"}, 3, True)
    with pytest.raises(InvalidParams, match="names 3 columns, and the first record has 2 fields"):
        sniff(io.BytesIO(b"1,x\n2,y\n"), header=["a", "b", "c"])
    with pytest.raises(InvalidParams, match="names 1 columns"):
        sniff(io.BytesIO(b"1,x\n2,y\n"), header=["a"])


def test_other_quotes_and_escapes() -> None:
    assert sniff(io.BytesIO(b"'a,b',c\n1,2\n"), quote="'").header == ("a,b", "c")
    assert sniff(io.BytesIO(b'"a,b\n1,2\n'), quote=None).header == ('"a', "b")
    assert sniff(io.BytesIO(b"a\\,b,c\n1,2\n"), escape="\\").header == ("a,b", "c")


@pytest.mark.parametrize(
    "signs",
    [{"quote": "x"}, {"quote": "''"}, {"escape": " "}, {"escape": '"'}, {"delimiter": "'", "quote": "'"}, {"quote": "é"}],
)
def test_signs_that_can_not_be(signs: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams) as caught:
        sniff(io.BytesIO(b"a,b\n1,2\n"), **signs)
    assert caught.value.hint


REFUSED: dict[str, tuple[bytes, type[WaystationError], str]] = {
    "empty": (b"", EmptyFile, "empty"),
    "bom alone": (b"\xef\xbb\xbf", EmptyFile, "empty"),
    "blanks": (b" \n\r\n\t\n", EmptyFile, "blanks"),
    "header alone": (b"a,b\n", NoRows, "no rows"),
    "header without line end": (b"a,b", NoRows, "no rows"),
    "header and blank lines": (b"a,b\n\n\r\n", NoRows, "no rows"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", NotCsv, "PNG"),
    "zip": (zipped(), NotCsv, "Excel"),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), NotCsv, "gzip"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), NotCsv, "UTF-16"),
    "utf-16 without bom": ("a,b\n1,2\n".encode("utf-16-le"), NotCsv, "binary"),
    "html": (b"\n<!DOCTYPE html>\n<html><body>Error, sorry</body></html>\n", NotCsv, "HTML"),
    "xml": (b"<?xml version='1.0'?>\n<a>1</a>\n", NotCsv, "XML"),
    "json": (json.dumps([{"a": 1, "b": 2}], indent=1).encode(), NotCsv, "JSON"),
    "json lines": (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', NotCsv, "JSON"),
    "binary": (bytes(range(256)) * 20, NotCsv, "binary"),
    "not utf-8": ("größe,b\n1,2\n".encode("latin-1"), NotCsv, "0xF6"),
    "open quote": (b'a,"b\n1,2\n3,4\n', NotCsv, "never closed"),
    "text after a quote": (b'"a"x,b\n1,2\n', NotCsv, "follows"),
    "open quote in a long file": (b'a,"b\n' + b"1,2\n" * HEAD_BYTES, NotCsv, "No header ends"),
    "blank names": (b" , ,\n1,2,3\n", NotCsv, "blank"),
    "reject columns alone": (b"_line,_error\n1,2\n", NotCsv, "rejects"),
    "a million columns": (b",".join([b"c"] * 1_000_000) + b"\n1\n", TooManyColumns, "more than 131,"),
    "too many columns": (b",".join(b"c" for _ in range(2000)) + b"\n1\n", TooManyColumns, "2,000 columns"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_csv_is_refused_in_words(name: str) -> None:
    data, error, words = REFUSED[name]
    with pytest.raises(error) as caught:
        look(data)
    assert type(caught.value) is error
    assert words in caught.value.detail
    assert caught.value.hint


def test_a_nul_below_the_header_is_no_reason_to_refuse_the_file() -> None:
    assert look(b"a,b\n" + b"1,2\n" * 20 + b"3,\0\n").header == ("a", "b")
