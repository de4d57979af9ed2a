"""Find out how a CSV file is written: its byte-order mark, its delimiter, its header and where its records begin."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import BinaryIO

from waystation.csvio.dialect import Dialect
from waystation.csvio.formulas import unguard
from waystation.csvio.names import REJECT_COLUMNS, safe_names
from waystation.csvio.reading import misquoted
from waystation.csvio.records import Record, scan
from waystation.errors import EmptyFile, InvalidParams, NoRows, NotCsv, TooManyColumns

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
_blank_lines = re.compile(rb"[\r\n]{3,}")
_separator_line = re.compile(rb"sep=(.)\r?\n", re.IGNORECASE).match  # Excel's own way to name the delimiter


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What is known of a file before its records are read.

    `header` is as in the file; `names`, one for each of its words, are fit for a dataset; `renamed` tells which differ.
    `dropped` are the positions (from 0) of a rejects file's `_line` and `_error`, which are not imported. `trailing`: the
    header ends in a delimiter, and records may. `data_offset` is the byte where the first record after the header begins,
    `data_line` its line, from 1.
    """

    dialect: Dialect
    header: tuple[str, ...]
    names: tuple[str, ...]
    renamed: dict[str, str]
    dropped: tuple[int, ...]
    data_offset: int
    data_line: int
    trailing: bool = False


def sniff(
    source: BinaryIO,
    *,
    delimiter: str | None = None,
    quote: str | None = '"',
    escape: str | None = None,
    header: bool | Sequence[str] = True,
    guarded: bool = False,
) -> Sniffed:
    """Read the head of a file, which must be seekable, and tell how it is written.

    `header`: False where the first record is data already, and the columns are called column_1 and so on; or their names.
    `guarded`: the names have the guard of formulas.py.
    Raises EmptyFile, NotCsv (binary data, HTML, JSON, not UTF-8 …), NoRows if there is a header alone, and InvalidParams for
    a `delimiter`, a `quote` or an `escape` that can't be one, or names that are not as many as the fields.
    """
    _check_signs(delimiter=delimiter, quote=quote, escape=escape)
    source.seek(0)
    head = source.read(HEAD_BYTES)
    eof = not source.read(1)
    bom = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    skipped, line = bom, 1
    if not head[bom:].strip(b" \t\r\n"):
        raise EmptyFile("The file is empty." if not head[bom:] else "The file holds nothing but blanks.")
    _refuse_other_formats(head[bom:])
    if separator := _separator_line(head, bom):
        delimiter = delimiter or separator[1].decode("latin-1")
        skipped, line = separator.end(), 2

    body = head[skipped:]
    dialect = Dialect(bom=bom, quote=quote, escape=escape)
    dialect = replace(dialect, delimiter=delimiter or _find_delimiter(body, dialect, eof))
    first = next((record for record in scan(body, dialect, eof=eof) if record.fields), None)
    if first is None:
        begun = next((record for record in scan(body, dialect, eof=True) if record.fields), None)
        if begun is not None and len(begun.fields) > MAX_COLUMNS:
            raise _too_many_columns(f"more than {len(begun.fields) - 1:,}")
        raise NotCsv(
            f"No header ends within the first {HEAD_BYTES:,} bytes.",
            remedy="Most likely a quote is opened in the header and never closed, or the file has no lines.",
        )
    if header is True:
        words = _header(body[: first.end], first, dialect)
        rest, offset, line = body[first.end :], skipped + first.end, line + first.lines
        if eof and not rest.strip(b"\r\n"):
            raise NoRows
    else:
        words = tuple(header) if header else tuple(f"column_{n}" for n in range(1, len(first.fields) + 1))
        rest, offset = body, skipped
    if len(words) > MAX_COLUMNS:
        raise _too_many_columns(f"{len(words):,}")
    named, trailing = _named(words, rest, dialect, eof)
    if header is not True and len(first.fields) != named and not trailing:
        raise InvalidParams(f"`header` names {len(words)} columns, and the first record has {len(first.fields)} fields.")
    words = words[:named]
    dropped = tuple(at for at, word in enumerate(words) if word.strip() in REJECT_COLUMNS)
    bare = [unguard(word) if guarded else word for word in words]
    kept, renamed = safe_names([word for at, word in enumerate(bare) if at not in dropped])
    if not kept:
        raise NotCsv("The header has no column but those of a rejects file.")
    turn = iter(kept)
    names = tuple(word.strip() if at in dropped else next(turn) for at, word in enumerate(words))
    return Sniffed(dialect, words, names, renamed, dropped, offset, line, trailing)


def _too_many_columns(count: str) -> TooManyColumns:
    return TooManyColumns(f"The header has {count} columns; a dataset holds {MAX_COLUMNS:,} at most.")


def _check_signs(**signs: str | None) -> None:
    given = [sign for sign in signs.values() if sign is not None]
    for name, sign in signs.items():
        if sign is None:
            continue
        word = sign.isalnum() or sign == " "
        if len(sign) != 1 or not sign.isascii() or sign in "\r\n\0" or (word and name != "delimiter"):
            raise InvalidParams(f"`{name}` is {sign[:20]!r}, which can't be: it must be one ASCII character that is a mark.")
        if given.count(sign) > 1:
            raise InvalidParams(f"`{name}` is {sign!r}, which stands for something else already.")


def _named(words: Sequence[str], rest: bytes, dialect: Dialect, eof: bool) -> tuple[int, bool]:
    """How many of a header's words name a column, and whether records may end in a delimiter behind the last of them.

    Blank words at the end stand for columns only if some value does too; they come of delimiters at the end of each line.
    """
    few = _blank_lines.sub(b"\n", rest)  # thousands of them would each be looked at
    records = [r.fields for r in islice((r for r in scan(few, dialect, eof=eof) if r.fields), _LOOK)]
    named = len(words)
    while named > 1 and not words[named - 1].strip():
        named -= 1
    if any(any(fields[named : len(words)]) for fields in records):
        return len(words), False
    more = bool(records) and all(len(fields) > named and not any(fields[named:]) for fields in records)
    return named, more or named < len(words)


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
    body = _blank_lines.sub(b"\n", body)
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
    if not any(word.strip() for word in header):
        raise NotCsv("The header's names are all blank.", remedy="Give the columns names in the first line.")
    return header
