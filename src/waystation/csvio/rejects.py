"""The rows that did not fit: what is known of each, and all of them as a CSV to mend and upload again."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

LONGEST_VALUE = 200  # characters of a value that a reject shows
_BLOCK = 64 * 1024  # characters


class Reject(NamedTuple):
    """A record that was not taken, and why.

    `line` and `record` count from 1 in the file (the line where the record begins; records without the header). `column` is
    None if the record as a whole is wrong. `value` is cut at 200 characters; `fields` is the record in full, where a NUL or
    a byte that is not UTF-8 stands as `\\x00` or `\\xe9`, since neither the database nor JSON can hold it.
    """

    line: int
    record: int
    column: str | None
    value: str
    reason: str
    fields: tuple[str, ...]

    @property
    def error(self) -> str:
        """The reason with its column: `age: 'abc' is not a whole number`."""
        return self.reason if self.column is None else f"{self.column}: {self.reason}"


def shown(value: str) -> str:
    """A value as rejects carry it: cut with an ellipsis, and safe to store."""
    if len(value) > LONGEST_VALUE:
        # Bytes that an escape stood between stand for themselves: together they may be a character, which counts as one.
        joined = value[: 4 * LONGEST_VALUE + 4].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        value = joined if len(joined) <= LONGEST_VALUE else joined[: LONGEST_VALUE - 1] + "…"
    return storable(value)


def storable(value: str) -> str:
    """Text that UTF-8, JSON and PostgreSQL can hold, with backslash forms for the bytes that they can't."""
    if "\0" not in value and value.isprintable():  # surrogates, which stand for bad bytes, are not printable
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def storable_fields(fields: Sequence[str]) -> tuple[str, ...]:
    """`storable` of each; at once where nothing is to be done."""
    return tuple(fields) if "".join(fields).isprintable() else tuple(map(storable, fields))


_COPY_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_COPY_MEANINGS = {made: plain for plain, made in _COPY_ESCAPES.items()}
_to_escape = re.compile(r"[\\\n\r\t]")
_escaped = re.compile(r"\\.")


def copy_text(value: str) -> str:
    """A value as a field of COPY's text format."""
    return _to_escape.sub(lambda found: _COPY_ESCAPES[found[0]], value)


def copy_rows(rejects: Iterable[Reject]) -> bytes:
    """Rejects in COPY's text format: record, line, column or null, value, reason, and the fields as a JSON array."""
    lines = []
    for row in rejects:
        column = "\\N" if row.column is None else copy_text(row.column)
        fields = copy_text(json.dumps(row.fields, ensure_ascii=False, separators=(",", ":")))
        lines.append(f"{row.record}\t{row.line}\t{column}\t{copy_text(row.value)}\t{copy_text(row.reason)}\t{fields}\n")
    return "".join(lines).encode()


def read_rows(data: bytes) -> list[Reject]:
    """The inverse of copy_rows."""
    found = []
    for line in data.decode().split("\n")[:-1]:
        record, number, column, *texts = line.split("\t")
        value, reason, fields = (_escaped.sub(lambda found: _COPY_MEANINGS[found[0]], text) for text in texts)
        name = None if column == "\\N" else _escaped.sub(lambda found: _COPY_MEANINGS[found[0]], column)
        found.append(Reject(int(number), int(record), name, value, reason, tuple(json.loads(fields))))
    return found


def wrongs(data: bytes) -> Iterator[tuple[str | None, str, str]]:
    """Column, value and reason of each row that copy_rows made."""

    def plain(text: str) -> str:
        return _escaped.sub(lambda found: _COPY_MEANINGS[found[0]], text) if "\\" in text else text

    for line in data.decode().split("\n")[:-1]:
        _, _, column, value, reason, _ = line.split("\t", 5)
        yield None if column == "\\N" else plain(column), plain(value), plain(reason)


def rejects_csv(header: Sequence[str], rows: Iterable[Reject]) -> Iterator[bytes]:
    """The rejects as UTF-8 CSV: the original columns, then `_line` and `_error`, which an import drops again.

    A record with too few or too many fields keeps them so, lest it should pass unmended.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*header, "_line", "_error"])
    for row in rows:
        writer.writerow([*row.fields, row.line, row.error])
        if out.tell() >= _BLOCK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
