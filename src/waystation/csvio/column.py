"""Check one column of a chunk at a time: the common case in a few calls of C, the rest once for each distinct value."""

from __future__ import annotations

from collections.abc import Sequence

from waystation.csvio.types import ColumnType


def check(kind: ColumnType, cells: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
    """The cells as canonical text ("" stays, it is null), and the reason for each value that does not fit the type."""
    if kind.name == "text":
        return cells, {}  # NUL and undecodable bytes are found for the whole chunk
    if kind.name == "bigint" and _plain_whole(cells):
        return cells, {}
    changed: dict[str, str] = {}
    bad: dict[str, str] = {}
    parse = kind.parse
    for value in set(cells):
        if value:
            try:
                made = parse(value)
            except ValueError as error:
                bad[value] = str(error)
            else:
                if made != value:
                    changed[value] = made
    return [changed.get(value, value) for value in cells] if changed else cells, bad


def why_not(kind: ColumnType, value: str) -> str:
    """The reason for a value that is known not to fit the type."""
    try:
        kind.parse(value)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"the encoders differ about {value[:200]!r} as {kind.name}")


def _plain_whole(cells: Sequence[str]) -> bool:
    """Whether all cells are empty or short runs of ASCII digits without leading zeros: what parse_bigint would take."""
    run = "".join(cells)
    if not run:
        return True
    if not (run.isascii() and run.isdigit()) or max(map(len, cells)) > 18:
        return False
    return f",{','.join(cells)}".count(",0") == cells.count("0")


def escape(cells: Sequence[str], *, free_text: bool) -> Sequence[str]:
    r"""The cells as fields of COPY's text format: `\N` for null, and in free text a backslash before what has a meaning."""
    if free_text:
        # NUL never is in a cell that gets here, so it can hold the cells apart.
        whole = "\0".join(cells)
        for plain, escaped in (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
            whole = whole.replace(plain, escaped)
        cells = whole.split("\0") if cells else []
    return [cell or "\\N" for cell in cells] if "" in cells else cells
