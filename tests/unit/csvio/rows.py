"""What COPY would read from what the encoders write, as text in one spelling for each value, so that both can be compared."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from waystation.csvio import plain
from waystation.csvio.encode import available
from waystation.csvio.encoded import ColumnPlan, Encode, Encoded

_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
Rows = list[list[str | None]]

ENCODERS: dict[str, Encode] = available()
needs_compiled = pytest.mark.skipif("compiled" not in ENCODERS, reason="the compiled encoder was not built, or is not wanted")
needs_arrow = pytest.mark.skipif("arrow" not in ENCODERS, reason="numpy and pyarrow are not installed, or not wanted")
each_encoder = pytest.mark.parametrize(
    "encode",
    [
        pytest.param(plain.encode, id="plain"),
        pytest.param(ENCODERS.get("compiled"), id="compiled", marks=needs_compiled),
        pytest.param(ENCODERS.get("arrow"), id="arrow", marks=needs_arrow),
    ],
)


def copy_rows(made: Encoded, plans: Sequence[ColumnPlan]) -> Rows:
    """The rows, each with its `_batch` and `_row` first."""
    kinds = ["bigint", "bigint", *(plan.type for plan in plans)]
    return _binary_rows(made.data, kinds) if made.binary else _text_rows(made.data, kinds)


def _text_rows(data: bytes, kinds: Sequence[str]) -> Rows:
    assert not data or data.endswith(b"\n")
    lines = [line.split("\t") for line in data.decode().split("\n")[:-1]]
    return [
        [None if cell == "\\N" else spelling(_unescape(cell), kind) for cell, kind in zip(line, kinds, strict=True)]
        for line in lines
    ]


def _unescape(cell: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES[found[0]], cell)


def spelling(text: str, kind: str) -> str:
    """One spelling of a value that the plain encoder gives as text."""
    match kind:
        case "integer" | "bigint":
            return str(int(text))
        case "numeric":
            made = Decimal(text)
            return f"{made.copy_abs() if made.is_zero() else made:f}"
        case "double":
            return str(float(text))
        case "timestamp" | "time" if "." in text:
            return text.rstrip("0").rstrip(".")
    return text


def _binary_rows(data: bytes, kinds: Sequence[str]) -> Rows:
    if not data:
        return []
    assert data.startswith(HEAD)
    rows, at = [], len(HEAD)
    while (count := int.from_bytes(data[at : at + 2])) != 0xFFFF:
        assert count == len(kinds)
        at += 2
        row: list[str | None] = []
        for kind in kinds:
            (length,) = struct.unpack_from(">i", data, at)
            at += 4
            if length < 0:
                row.append(None)
                continue
            row.append(_value(data[at : at + length], kind))
            at += length
        rows.append(row)
    assert at + 2 == len(data)
    return rows


def _value(field: bytes, kind: str) -> str:
    match kind:
        case "integer":
            return str(struct.unpack(">i", field)[0])
        case "bigint":
            return str(struct.unpack(">q", field)[0])
        case "numeric":
            return _numeric(field)
        case "double":
            return str(struct.unpack(">d", field)[0])
        case "boolean":
            return {b"\0": "f", b"\1": "t"}[field]
        case "date":
            return (date(2000, 1, 1) + timedelta(days=struct.unpack(">i", field)[0])).isoformat()
        case "timestamp":
            made = datetime(2000, 1, 1) + timedelta(microseconds=struct.unpack(">q", field)[0])
            return spelling(made.isoformat(" "), kind)
        case "time":
            micros = struct.unpack(">q", field)[0]
            made = datetime(2000, 1, 1) + timedelta(microseconds=micros)
            return "24:00:00" if micros == 86_400_000_000 else spelling(made.time().isoformat(), kind)
        case "uuid":
            return str(UUID(bytes=field))
    assert field
    return field.decode()


def _numeric(field: bytes) -> str:
    count, weight, sign, scale, *groups = struct.unpack(f">HhHH{len(field) // 2 - 4}H", field)
    assert len(groups) == count
    assert all(group < 10_000 for group in groups)
    if not groups:
        assert (weight, sign) == (0, 0)
    else:
        assert groups[0]
        assert groups[-1]
    digits = "".join(f"{group:04}" for group in groups)
    before = (weight + 1) * 4
    digits = "0" * -before + digits.ljust(max(before, 0), "0")
    before = max(before, 0)
    whole, fraction = digits[:before].lstrip("0") or "0", digits[before:].ljust(scale, "0")
    assert not fraction[scale:].strip("0")
    return ("-" if sign else "") + whole + ("." + fraction[:scale] if scale else "")
