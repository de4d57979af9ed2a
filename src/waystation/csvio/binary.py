"""COPY's binary format, for those encoders that write it: what single values become, and what zones are told in."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta

HEAD, TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIRST_DAY, _MIDNIGHT = date(2000, 1, 1), datetime(2000, 1, 1)


def number(kind: str, text: str) -> int | float:
    """The number that stands for a value in the binary format, given its canonical text; for a timestamp its key.

    Of a day it is its number from 2000-01-01 on; of a time its microseconds.
    """
    match kind:
        case "integer" | "bigint":
            return int(text)
        case "double":
            return float(text)
        case "boolean":
            return int(text == "t")
        case "date":
            return (date.fromisoformat(text) - _FIRST_DAY).days
        case "time":
            hour, minute, second = text.split(":")
            return (int(hour) * 60 + int(minute)) * 60_000_000 + _micros(second)
        case "timestamp":
            day, clock = text.split(" ")
            places = len(clock.partition(".")[2])
            midnight = (date.fromisoformat(day) - _FIRST_DAY).days * 86_400_000_000
            return (midnight + int(number("time", clock))) * 8 + places
    raise ValueError(f"values of {kind} are no numbers")


def _micros(second: str) -> int:
    whole, _, fraction = second.partition(".")
    return int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))


def zone_text(kind: str, key: int) -> str:
    """The text of a zone's end. Of a day the key is its number; of a time microseconds x 8 + the digits after the second."""
    if kind == "date":
        return (_FIRST_DAY + timedelta(days=key)).isoformat()
    micros, places = key >> 3, key & 7
    made = (_MIDNIGHT + timedelta(microseconds=micros)).isoformat(" ", "microseconds")
    return made[: -6 + places] if places not in (0, 6) else made if places else made[:-7]


def numeric(text: str) -> bytes:
    """A numeric: groups of four digits from the decimal point on both ways, without those at the ends that are zero."""
    negative, text = text.startswith("-"), text.removeprefix("-")
    whole, _, fraction = text.partition(".")
    digits = whole.rjust(-(-len(whole) // 4) * 4, "0") + fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int(digits[at : at + 4]) for at in range(0, len(digits), 4)]
    first = next((at for at, group in enumerate(groups) if group), len(groups))
    weight = (len(whole) + 3) // 4 - 1 - first
    groups = groups[first:]
    while groups and not groups[-1]:
        groups.pop()
    if not groups:
        weight, negative = 0, False
    return struct.pack(f">HhHH{len(groups)}H", len(groups), weight, 0x4000 if negative else 0, len(fraction), *groups)
