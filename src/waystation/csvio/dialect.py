"""How a CSV file is written: its delimiter, its quote, its escape, its encoding and its byte-order mark."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypedDict

# The module's own limit (128 KiB) would raise in the middle of a file; records are bounded by read_chunk instead.
csv.field_size_limit(2**31 - 1)


class CsvFormat(TypedDict):
    """The keyword arguments of csv.reader that a dialect stands for."""

    delimiter: str
    quotechar: str | None
    doublequote: bool
    escapechar: str | None
    quoting: Literal[0, 1, 2, 3]


@dataclass(frozen=True, slots=True)
class Dialect:
    """Delimiter, quote and escape are one ASCII character each, so they can be looked for in bytes.

    `quote`: None where nothing is quoted. `doublequote`: two quotes within a quoted field are one. `escape`: takes the
    meaning from the character after it, within quotes and outside, as `\\` in MySQL's files; None where there is none.
    `bom`: the length of the byte-order mark in bytes. Raises ValueError for characters that can't be, or that are the same.
    """

    delimiter: str = ","
    quote: str | None = '"'
    encoding: str = "utf-8"
    bom: int = 0
    escape: str | None = None
    doublequote: bool = True

    def __post_init__(self) -> None:
        marks = [mark for mark in (self.delimiter, self.quote, self.escape) if mark is not None]
        if len(set(marks)) < len(marks) or any(len(mark) != 1 or not mark.isascii() or mark in "\r\n\0" for mark in marks):
            raise ValueError(f"no such dialect: {', '.join(map(repr, marks))} can't tell fields apart")

    @property
    def marks(self) -> tuple[int, int, int, bool]:
        """For _encode.c: the characters' numbers, -1 for none."""
        quote, escape = (-1 if mark is None else ord(mark) for mark in (self.quote, self.escape))
        return ord(self.delimiter), quote, escape, self.doublequote

    @property
    def format(self) -> CsvFormat:
        """For `csv.reader(lines, **dialect.format)`."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "doublequote": self.doublequote,
            "escapechar": self.escape,
            "quoting": csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
        }

    def escapes(self, data: bytes) -> bool:
        """Whether an escape stands in these bytes."""
        return self.escape is not None and self.escape.encode() in data

    def quotes(self, data: bytes) -> bool:
        """Whether a quote stands in these bytes."""
        return self.quote is not None and self.quote.encode() in data

    def as_json(self) -> dict[str, Any]:
        """For a task's cursor or params."""
        return asdict(self)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Dialect:
        """The inverse of as_json."""
        return cls(**value)
