"""Find out how a CSV file is written: its byte-order mark, its delimiter, its header and where its records begin."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from waystation.csvio.dialect import Dialect
from waystation.csvio.names import REJECT_COLUMNS, safe_names
from waystation.csvio.reading import misquoted
from waystation.csvio.records import Record, scan
from waystation.errors import EmptyFile, InvalidParams, NoRows, NotCsv

HEAD_BYTES = 256 * 1024
MAX_COLUMNS = 1_500  # PostgreSQL's own limit is 1,600, less for wide rows
DELIMITERS = ",;\t|"
_LOOK = 100  # records that a delimiter is judged by

_SIGNS = (
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "an Excel workbook or another ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
)
_markup = re.compile(rb"\s*<(?:!--|\?xml|(?:!doctype|html|head|body|svg|script|table)\b)", re.IGNORECASE).match
_json = re.compile(rb"\s*(?:\{\s*(?:[\"}]|\Z)|\[\s*(?:[\[{\"\]]|-?[0-9.]+\s*[,\]]|\Z))").match
_control = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_separator_line = re.compile(rb"sep=(.)\r?\n", re.IGNORECASE).match  # Excel's own way to name the delimiter


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What is known of a file before its records are read.

    `header` is as in the file; `names`, one for each of its words, are fit for a dataset; `renamed` tells which differ.
    `dropped` are the positions (from 0) of a rejects file's `_line` and `_error`, which are not imported. `data_offset` is
    the byte where the first record after the header begins, `data_line` its line, from 1.
    """

    dialect: Dialect
    header: tuple[str, ...]
    names: tuple[str, ...]
    renamed: dict[str, str]
    dropped: tuple[int, ...]
    data_offset: int
    data_line: int


def sniff(source: BinaryIO, *, delimiter: str | None = None) -> Sniffed:
    """Read the head of a file, which must be seekable, and tell how it is written.

    Raises EmptyFile, NotCsv (binary data, HTML, JSON, not UTF-8 …), NoRows if there is a header alone, and InvalidParams for
    a `delimiter` that can't be one.
    """
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0'):
        raise InvalidParams(f"{delimiter!r} can't part the fields of a CSV: it must be one ASCII character, and no quote.")
    source.seek(0)
    head = source.read(HEAD_BYTES)
    eof = not source.read(1)
    bom = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    skipped, line = bom, 1
    if not head[bom:].strip(b" \t\r\n"):
        raise EmptyFile("The file is empty." if not head[bom:] else "The file holds nothing but blanks.")
    _refuse_other_formats(head[bom:])
    if named := _separator_line(head, bom):
        delimiter = delimiter or named[1].decode("latin-1")
        skipped, line = named.end(), 2

    body = head[skipped:]
    dialect = Dialect(bom=bom)
    dialect = replace(dialect, delimiter=delimiter or _find_delimiter(body, dialect, eof))
    first = next((record for record in scan(body, dialect, eof=eof) if record.fields), None)
    if first is None:
        raise NotCsv(
            f"No header ends within the first {HEAD_BYTES:,} bytes.",
            remedy="Most likely a quote is opened in the header and never closed, or the file has no lines.",
        )
    raw = body[: first.end]
    header = _header(raw, first, dialect)
    rest = body[first.end :]
    if eof and not rest.strip(b"\r\n"):
        raise NoRows
    dropped = tuple(at for at, word in enumerate(header) if word.strip() in REJECT_COLUMNS)
    kept, renamed = safe_names([word for at, word in enumerate(header) if at not in dropped])
    if not kept:
        raise NotCsv("The header has no column but those of a rejects file.")
    turn = iter(kept)
    names = tuple(word.strip() if at in dropped else next(turn) for at, word in enumerate(header))
    return Sniffed(dialect, header, names, renamed, dropped, skipped + first.end, line + first.lines)


def _refuse_other_formats(head: bytes) -> None:
    for sign, what in _SIGNS:
        if head.startswith(sign):
            remedy = "Save it as CSV in UTF-8 and upload that."
            raise NotCsv(f"The file is {what}, not CSV in UTF-8.", remedy=remedy)
    if _markup(head):
        raise NotCsv("The file is HTML or XML, not CSV.", remedy="Was an error page or a web page saved instead of the data?")
    if _json(head):
        raise NotCsv("The file is JSON, not CSV.", remedy="Convert it to CSV with a header line and upload that.")
    odd = len(_control.findall(head))
    # A NUL in some record makes that record a reject; in the first line, or among many odd bytes, it tells of binary data.
    if odd * 50 > len(head) or b"\0" in re.split(rb"[\r\n]", head.lstrip(), maxsplit=1)[0]:
        place = _control.search(head)
        assert place
        raise NotCsv(f"The file is binary data, not text: the byte 0x{place[0][0]:02X} stands at offset {place.start()}.")


def _find_delimiter(body: bytes, dialect: Dialect, eof: bool) -> str:
    """The delimiter that parts the header, and then most records into as many fields as the header has.

    None that does: a comma, for a file of a single column.
    """
    best, found = (-1.0, 0), ","
    for delimiter in DELIMITERS:
        scanned = scan(body, replace(dialect, delimiter=delimiter), eof=eof)
        counts = [len(record.fields) for record in islice((r for r in scanned if r.fields), _LOOK)]
        if not counts or counts[0] < 2:
            continue
        alike = sum(count == counts[0] for count in counts[1:]) / max(1, len(counts) - 1)
        if (alike, counts[0]) > best:
            best, found = (alike, counts[0]), delimiter
    return found


def _header(raw: bytes, first: Record, dialect: Dialect) -> tuple[str, ...]:
    try:
        raw.decode(dialect.encoding)
    except UnicodeDecodeError as error:
        raise NotCsv(
            f"The header is not UTF-8: the byte 0x{raw[error.start]:02X} stands in it.",
            remedy="Name the file's encoding in the request (`encoding`), or save it as CSV in UTF-8 and upload that.",
        ) from error
    if wrong := misquoted(list(io.StringIO(raw.decode("latin-1"), newline="")), dialect):
        raise NotCsv(f"The header's quotes are wrong: {wrong}.", remedy="Mend the first line and upload the file again.")
    header = tuple(word.encode("latin-1").decode(dialect.encoding) for word in first.fields)
    if len(header) > MAX_COLUMNS:
        raise NotCsv(f"The header has {len(header):,} columns; a dataset holds {MAX_COLUMNS:,} at most.")
    if not any(word.strip() for word in header):
        raise NotCsv("The header's names are all blank.", remedy="Give the columns names in the first line.")
    return header
