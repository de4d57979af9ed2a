"""Rows as Parquet, by pyarrow: each column in the type of the dataset, a row group at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from waystation.errors import DoesNotFit
from waystation.model import Column, JsonValue
from waystation.outputs.lines import cells
from waystation.outputs.sink import Sink

GROUP_ROWS = 100_000
GROUP_BYTES = 32 * 2**20  # of lines: what is held of a row group, about once over
MOST_DIGITS = 38  # of a decimal128

_TYPES = {
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "time": pa.time64("us"),
}


class _Digits:
    """How many digits the numbers of a column have at most before and behind the point; whether all are numbers."""

    def __init__(self) -> None:
        self.before, self.behind, self.plain = 1, 0, True

    def see(self, value: str) -> None:
        whole, _, fraction = value.lstrip("-").partition(".")
        if not whole.isdigit():  # NaN and Infinity
            self.plain = False
            return
        self.before = max(self.before, len(whole))
        self.behind = max(self.behind, len(fraction))

    @property
    def type(self) -> Any:
        """The decimal that holds them all exactly; None if there is none."""
        digits = self.before + self.behind
        return pa.decimal128(digits, self.behind) if self.plain and digits <= MOST_DIGITS else None


class ParquetFile:
    """See `Output`. Snappy within, which every reader knows. The types of numeric columns follow from all their values."""

    def __init__(self, columns: Sequence[Column], write: Callable[[bytes], None]) -> None:
        self._columns = columns
        self._sink = Sink(write)
        self._digits = {n: _Digits() for n, c in enumerate(columns) if c.type == "numeric"}
        self._writer: Any = None
        self._schema: Any = None
        self._group: list[Any] = []
        self._rows = self._bytes = self._done = 0

    @property
    def measures(self) -> bool:
        """Only numbers without a fixed size need it."""
        return bool(self._digits)

    def measure(self, lines: Sequence[bytes]) -> None:
        """How large the numbers are."""
        for line in lines:
            row = cells(line)
            for n, digits in self._digits.items():
                if (value := row[n]) is not None:
                    digits.see(value)

    def add(self, lines: Sequence[bytes]) -> None:
        """Rows, kept until they make a group."""
        self._begin()
        columns = zip(*map(cells, lines), strict=True)
        made = [self._array(n, values) for n, values in enumerate(columns)]
        self._group.append(pa.record_batch(made, schema=self._schema))
        self._rows += len(lines)
        self._bytes += sum(map(len, lines))
        self._done += len(lines)
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def finish(self) -> dict[str, JsonValue]:
        """The last group and the file's end."""
        self._begin()
        if self._group:
            self._write_group()
        self._writer.close()
        return {
            self._columns[n].name: f"has numbers that no decimal of {MOST_DIGITS} digits holds"
            for n, digits in self._digits.items()
            if digits.type is None
        }

    def _begin(self) -> None:
        if self._writer is None:
            self._schema = pa.schema([(c.name, self._type(n, c)) for n, c in enumerate(self._columns)])
            self._writer = pq.ParquetWriter(self._sink, self._schema, compression="snappy")

    def _type(self, n: int, column: Column) -> Any:
        if column.type == "numeric":
            return self._digits[n].type or pa.string()
        return _TYPES.get(column.type, pa.string())

    def _array(self, n: int, values: Sequence[str | None]) -> Any:
        """A column's values in its type, which all of them have: they come from a column of this type."""
        kind, wanted = self._columns[n].type, self._schema.field(n).type
        if kind == "boolean":
            return pa.array([None if v is None else v == "t" for v in values], wanted)
        if kind == "time":
            values = [None if v is None else f"1970-01-01 {v}" for v in values]
        try:
            made = pa.array(values, pa.string())
            return made.cast(pa.timestamp("us")).cast(wanted) if kind == "time" else made.cast(wanted)
        except pa.ArrowInvalid as error:
            raise DoesNotFit(
                f"The column {self._columns[n].name!r} holds a {kind} that Parquet can't, in a row from {self._done + 1} to"
                f" {self._done + len(values)}: {str(error)[:200]}",
                column=self._columns[n].name,
            ) from error

    def _write_group(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._group, self._schema), row_group_size=self._rows)
        self._group, self._rows, self._bytes = [], 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._sink.dropped = True
        if self._writer is not None:
            self._writer.close()
