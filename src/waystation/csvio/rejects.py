"""The rows that did not fit: what is known of each, and all of them as a CSV to mend and upload again."""

from __future__ import annotations

import csv
import io
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
    return storable(value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…")


def storable(value: str) -> str:
    """Text that UTF-8, JSON and PostgreSQL can hold, with backslash forms for the bytes that they can't."""
    if "\0" not in value and value.isprintable():  # surrogates, which stand for bad bytes, are not printable
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def storable_fields(fields: Sequence[str]) -> tuple[str, ...]:
    """`storable` of each; at once where nothing is to be done."""
    return tuple(fields) if "".join(fields).isprintable() else tuple(map(storable, fields))


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
