"""How a CSV file is written: its delimiter, its quote, its encoding and its byte-order mark."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

# The module's own limit (128 KiB) would raise in the middle of a file; records are bounded by read_chunk instead.
csv.field_size_limit(2**31 - 1)


class CsvFormat(TypedDict):
    """The keyword arguments of csv.reader that a dialect stands for."""

    delimiter: str
    quotechar: str
    doublequote: bool


@dataclass(frozen=True, slots=True)
class Dialect:
    """Delimiter and quote are one ASCII character each, so they can be looked for in bytes; `bom` is a length in bytes."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    bom: int = 0

    @property
    def format(self) -> CsvFormat:
        """For `csv.reader(lines, **dialect.format)`."""
        return {"delimiter": self.delimiter, "quotechar": self.quote, "doublequote": True}

    def as_json(self) -> dict[str, Any]:
        """For a task's cursor or params."""
        return asdict(self)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Dialect:
        """The inverse of as_json."""
        return cls(**value)
