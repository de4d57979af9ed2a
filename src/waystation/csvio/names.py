"""From the words of a header to column names that PostgreSQL takes and that are unique."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 63  # bytes of an identifier in PostgreSQL
ROOM = 59  # so that a suffix such as _999 still fits

SYSTEM = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
REJECT_COLUMNS = frozenset({"_line", "_error"})  # what rejects.py adds to a header

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def _cut(name: str, size: int) -> str:
    """At most `size` bytes of UTF-8, never half a character."""
    return name.encode()[:size].decode(errors="ignore")


def safe_name(word: str, number: int) -> str:
    """The name for one header word; `number` is the column's place, from 1, for words that leave nothing to use.

    Names that begin with `_` are Waystation's own, so the word loses its leading ones.
    """
    name = _cut(_CONTROL.sub(" ", word).strip().lstrip("_").strip(), ROOM).strip()
    if not name:
        return f"column_{number}"
    return f"{name}_column" if name in SYSTEM else name


def safe_names(header: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Unique names for a header's words, in their order, and what was renamed: word as in the file -> name.

    A word that was renamed more than once stands there with its column's number: `name (column 4)`.
    """
    wanted = [safe_name(word, number) for number, word in enumerate(header, 1)]
    names: list[str] = []
    taken: set[str] = set()
    renamed: dict[str, str] = {}
    for number, (word, base) in enumerate(zip(header, wanted, strict=True), 1):
        name, turn = base, 1
        # A duplicate must not take the name that a later column has by right (name, name, name_2).
        while name in taken or (turn > 1 and name in wanted):
            turn += 1
            suffix = f"_{turn}"
            name = _cut(base, LONGEST - len(suffix)) + suffix
        taken.add(name)
        names.append(name)
        if name != word:
            plain = word.strip() and word not in renamed and header.count(word) == 1
            renamed[word if plain else f"{word.strip()} (column {number})".strip()] = name
    return tuple(names), renamed
