"""Rows as a workbook of one sheet (XLSX, ECMA-376): texts stand in their cells, so that each row is written as it comes.

A text is never a formula here, whatever it begins with. Numbers and moments that a spreadsheet would round are texts; what a
sheet can't hold at all is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from math import isfinite
from types import TracebackType
from typing import Self
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from waystation.errors import DoesNotFit
from waystation.model import Column, JsonValue
from waystation.outputs import workbook
from waystation.outputs.lines import cells
from waystation.outputs.sink import Sink

MOST_ROWS = 1_048_575  # below the names of the columns
LONGEST = 32_767  # characters of a cell, as UTF-16 counts them
DIGITS = 15  # that a spreadsheet keeps of a number
SMALLEST, LARGEST = 2.2251e-308, 9.99999999999999e307  # of the numbers that a spreadsheet takes
_LARGE = 2**31 - 1  # bytes of a part of an archive, above which it needs the larger form (ZIP64)

_forbidden = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]").search  # what no XML can hold
_special = re.compile("[&<>\r]|_(?=x[0-9A-Fa-f]{4}_)").sub  # _x0041_ means a character to a spreadsheet
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "_": "_x005F_"}

# Day 1 is 1900-01-01, and there is a day 60 that never was, 1900-02-29.
_DAY_0, _REAL = date(1899, 12, 30).toordinal(), date(1900, 3, 1).toordinal()

Cell = Callable[[str], str | None]  # what stands in <c …>: attributes, > and the rest; None if only a text holds the value


def _attributes(style: int, value: str) -> str:
    return f' s="{style}"><v>{value}</v></c>'


def _decimal(value: str) -> str | None:
    """A number of few enough digits, however many zeros stand around them."""
    digits = value.lstrip("-").replace(".", "").lstrip("0").rstrip("0")
    if len(digits) > DIGITS or len(value) > 300 or not (digits or "0").isdigit():
        return None
    return f"><v>{value}</v></c>"


def _double(value: str) -> str | None:
    """A number that has the form of a spreadsheet's own ones already."""
    size = abs(float(value))
    return f"><v>{value}</v></c>" if isfinite(size) and (size == 0 or SMALLEST <= size <= LARGEST) else None


def _boolean(value: str) -> str:
    return f' t="b"><v>{int(value == "t")}</v></c>'


@lru_cache(maxsize=4096)
def _day(value: str) -> int:
    """The number of a day. Raises ValueError for those before 1900, and what is no day between the years 1 and 9999."""
    try:
        number = date.fromisoformat(value).toordinal()
    except ValueError:
        raise ValueError(f"the date {value}") from None
    if number <= _DAY_0 + 1:
        raise ValueError(f"{value}, a day before 1900, where its days begin")
    return number - _DAY_0 - (number < _REAL)


def _date(value: str) -> str:
    return _attributes(workbook.DATE, str(_day(value)))


def _fraction(value: str) -> float | None:
    """What part of a day has passed; None when it ends beyond the milliseconds that a spreadsheet shows, or is a whole day."""
    hours, minutes, seconds = value.split(":")
    micros = round(float(seconds) * 1_000_000) + (int(hours) * 60 + int(minutes)) * 60_000_000
    return micros / 86_400_000_000 if micros % 1000 == 0 and micros < 86_400_000_000 else None


def _timestamp(value: str) -> str | None:
    day, _, time = value.partition(" ")
    number, passed = _day(day), _fraction(time)
    return None if passed is None else _attributes(workbook.TIMESTAMP, repr(number + passed))


def _time(value: str) -> str | None:
    passed = _fraction(value)
    return None if passed is None else _attributes(workbook.TIME, repr(passed))


_CELLS: dict[str, Cell] = {
    "integer": _decimal,
    "bigint": _decimal,
    "numeric": _decimal,
    "double": _double,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "time": _time,
}


def _text(value: str) -> str:
    """A text in its cell. Raises ValueError for one that no cell can hold."""
    if len(value) > LONGEST // 2 and (length := len(value.encode("utf-16-le")) // 2) > LONGEST:
        raise ValueError(f"a text of {length:,} characters; a cell holds {LONGEST:,}")
    if found := _forbidden(value):
        raise ValueError(f"the control character U+{ord(found[0]):04X} at character {found.start() + 1}")
    return f' t="inlineStr"><is><t xml:space="preserve">{_special(lambda m: _ESCAPES[m[0]], value)}</t></is></c>'


class XlsxFile:
    """See `Output`."""

    measures = False

    def __init__(self, columns: Sequence[Column], write: Callable[[bytes], None], *, rows: int, size: int) -> None:
        check_rows(rows)
        self._columns = columns
        self._makers = [(c.name, f'<c r="{letters(n)}', _CELLS.get(c.type)) for n, c in enumerate(columns)]
        self._texts: Counter[str] = Counter()
        self._row = 0
        self._sink = Sink(write)
        self._archive = ZipFile(self._sink, "w", ZIP_DEFLATED)
        for name, content in workbook.PARTS.items():
            with self._archive.open(_part(name), "w") as part:
                part.write(content)
        # Decided by what is known before, and the same for the same rows: all spreadsheets like the smaller form better.
        large = 8 * size + 80 * (rows + 1) * (len(columns) + 1) > _LARGE
        self._sheet = self._archive.open(_part(workbook.SHEET), "w", force_zip64=large)
        self._sheet.write(workbook.SHEET_HEAD)
        self._put([c.name for c in columns], heads=True)

    def measure(self, lines: Sequence[bytes]) -> None:
        """Nothing needs to be known before."""

    def add(self, lines: Sequence[bytes]) -> None:
        """Rows of the sheet."""
        for line in lines:
            self._put(cells(line))

    def _put(self, values: Sequence[str | None], *, heads: bool = False) -> None:
        self._row += 1
        made = [f'<row r="{self._row}">']
        for (name, begin, maker), value in zip(self._makers, values, strict=True):
            if value is None:
                continue
            try:
                cell = maker(value) if maker is not None and not heads else None
                if cell is None:
                    cell = _text(value)
                    if maker is not None and not heads:
                        self._texts[name] += 1
            except ValueError as error:
                where = "The name of the column" if heads else f"Row {self._row - 1} of the file, column"
                raise DoesNotFit(
                    f"{where} {name!r}: an XLSX sheet can't hold {error}.", row=self._row - 1, column=name
                ) from error
            made.append(f'{begin}{self._row}"{cell}')
        made.append("</row>")
        self._sheet.write("".join(made).encode())

    def finish(self) -> dict[str, JsonValue]:
        """The end of the sheet and of the archive."""
        self._sheet.write(workbook.SHEET_END)
        self._sheet.close()
        self._archive.close()
        return {name: f"{number} values that a spreadsheet would change" for name, number in self._texts.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._sink.dropped = True
        self._sheet.close()
        self._archive.close()


def check_rows(rows: int) -> None:
    """Raises DoesNotFit for more rows than a sheet has."""
    if rows > MOST_ROWS:
        raise DoesNotFit(f"{rows:,} rows: an XLSX sheet holds {MOST_ROWS:,} below the names of the columns.")


def check_first_day(column: str, first: str | None) -> None:
    """Raises DoesNotFit for a column of dates whose first one, in ISO form, is before a sheet's days."""
    if first is not None and first < "1900":
        raise DoesNotFit(
            f"The column {column!r} has days from {first[:10]} on: those of an XLSX sheet begin in 1900.", column=column
        )


def letters(n: int) -> str:
    """A column's letters, from 0: A, B, …, Z, AA. (PostgreSQL has fewer columns than a sheet: 1,600 of 16,384.)"""
    n, last = divmod(n, 26)
    return (letters(n - 1) if n else "") + chr(65 + last)


def _part(name: str) -> ZipInfo:
    """A part of the archive without a time of its own."""
    info = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type, info.create_system = ZIP_DEFLATED, 3
    info.external_attr = 0o644 << 16
    return info
