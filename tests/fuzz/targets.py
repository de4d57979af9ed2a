"""What is fuzzed: each target takes any bytes, and fails if what comes of them breaks a promise.

An input of `csv` is two bytes that choose how the file is read and by which encoder, and the file; one of `filters` is a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.csvio.rows import ENCODERS
from tests.unit.csvio.test_nasty import outcome
from waystation.errors import InvalidFilter
from waystation.filters import parse
from waystation.model import SQL_TYPES, Column
from waystation.sdk import condition

COLUMNS = [Column("a", "text"), Column("n", "bigint"), *(Column(f"c_{name}", name) for name in SQL_TYPES)]
NAMES = frozenset(c.name for c in COLUMNS)
WHOLE = 2**20  # bytes of a chunk, for a file that is not cut

# How a file may be read, from the lower bits of its second byte.
WAYS: list[dict[str, Any]] = [
    {},
    {},
    {"ragged": "trim"},
    {"ragged": "fill"},
    {"quote": "'"},
    {"quote": None},
    {"escape": "\\"},
    {"guarded": True},
]


def csv(data: bytes) -> None:
    """The file is an error of ours or an outcome that counts its records: the same of another encoder, however it is cut."""
    if len(data) < 2:
        return
    target, way, file = 1 + data[0] % 32, data[1], data[2:]
    asked, encode = WAYS[way % len(WAYS)], list(ENCODERS.values())[way // len(WAYS) % len(ENCODERS)]
    whole = outcome(file, WHOLE, ENCODERS["plain"], asked)
    assert "error" in whole or whole["rows"] or whole["rejects"]
    assert outcome(file, target, encode, asked) == whole, (encode, target, asked)


def filters(data: bytes) -> None:
    """The text is a condition, also in parentheses and for a reader who writes it twice, or an error with its place."""
    text = data.decode(errors="replace")
    try:
        made = condition(text, COLUMNS)
    except InvalidFilter as error:
        place = int(error.extra.get("position", 1))  # a text that is too long has none
        assert 1 <= place <= len(text) + 1, (place, text)
        return
    assert made(NAMES).as_string()
    if len(text) < 1000 and text.count("(") + text.lower().count("not") < 30:
        assert shape(parse(f"({text}\n)")) == shape(parse(text)), text
        assert condition(f"{text} or {text}", COLUMNS)(NAMES).as_string()


def shape(node: object) -> str:
    """A tree without the places of its parts."""
    fields = getattr(node, "__dataclass_fields__", None)
    if fields is not None:
        return f"{type(node).__name__}({', '.join(shape(getattr(node, f)) for f in fields if f != 'at')})"
    return f"[{', '.join(map(shape, node))}]" if isinstance(node, tuple) else repr(node)


TARGETS: dict[str, Callable[[bytes], None]] = {"csv": csv, "filters": filters}
