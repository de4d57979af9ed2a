"""How the values of a column are written: the order of its dates, the signs in its numbers, the words for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

DateOrder = Literal["ymd", "dmy", "mdy"]

ORDERS: dict[DateOrder, str] = {"ymd": "YYYY-MM-DD", "dmy": "DD/MM/YYYY", "mdy": "MM/DD/YYYY"}
# What may part thousands, and all the characters that are taken for it: spreadsheets write blanks that do not break.
SEPARATORS = {
    "": "",
    ",": ",",
    ".": ".",
    "'": "'\N{RIGHT SINGLE QUOTATION MARK}",
    " ": " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}",
}
DECIMALS = (".", ",")


@dataclass(frozen=True, slots=True)
class ValueFormat:
    """How values are written. Raises ValueError for signs that can't be, or that are the same.

    `dates`: the order of day, month and year; ISO dates are taken in any order, since they can't be misread. `thousands`: what
    parts groups of three digits before the decimal sign, where they are parted. `decimal`: the sign before the fraction.
    `nulls`: words that mean null, bare or quoted, exactly so written; the empty field means it always. `guarded`: the file was
    written with the guard of formulas.py, which is taken off its texts again.
    """

    dates: DateOrder = "ymd"
    thousands: str = ""
    decimal: str = "."
    nulls: tuple[str, ...] = ()
    guarded: bool = False

    def __post_init__(self) -> None:
        if self.dates not in ORDERS:
            raise ValueError(f"no order of dates: {self.dates!r}")
        if self.thousands not in SEPARATORS:
            raise ValueError(f"no separator of thousands: {self.thousands!r}")
        if self.decimal not in DECIMALS:
            raise ValueError(f"no decimal sign: {self.decimal!r}")
        if self.decimal == self.thousands:
            raise ValueError(f"{self.decimal!r} can't be both the decimal sign and the separator of thousands")

    @property
    def plain_numbers(self) -> bool:
        """Whether numbers are written as PostgreSQL writes them."""
        return not self.thousands and self.decimal == "."

    def as_json(self) -> dict[str, Any]:
        """For a task's cursor or params."""
        return asdict(self)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> ValueFormat:
        """The inverse of as_json."""
        return cls(**{**value, "nulls": tuple(value.get("nulls", ()))})


PLAIN = ValueFormat()
