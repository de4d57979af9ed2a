"""Check one column of a chunk at a time: the common case in a few calls of C, the rest once for each distinct value."""

from __future__ import annotations

from collections.abc import Sequence

from waystation.csvio.encoded import ColumnPlan
from waystation.csvio.types import TYPES
from waystation.csvio.words import Phrase

_SHORT = {"integer": 9, "bigint": 18}  # so many digits fit, whatever they are


def check(plan: ColumnPlan, cells: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
    """The cells as canonical text ("" for null), and the reason for each value that can't be taken."""
    nulls = {"", *plan.format.nulls}
    simple = plan.check is None and not plan.required
    if simple and nulls.isdisjoint(cells) if len(nulls) > 1 else simple:
        if plan.type == "text" and not plan.format.guarded:
            return cells, {}  # NUL and undecodable bytes are found for the whole chunk
        if plan.type in _SHORT and _plain_whole(cells, _SHORT[plan.type]):
            return cells, {}
    changed: dict[str, str] = {}
    bad: dict[str, str] = {}
    for value in set(cells):
        if value in nulls:
            if plan.required:
                bad[value] = Phrase.REQUIRED
            elif value:
                changed[value] = ""
            continue
        try:
            made = parse(plan, value)
        except ValueError as error:
            bad[value] = str(error)
        else:
            if made != value:
                changed[value] = made
    return [changed.get(value, value) for value in cells] if changed else cells, bad


def parse(plan: ColumnPlan, value: str) -> str:
    """The canonical text of a value that is not null; ValueError with the reason if it can't be taken."""
    made = TYPES[plan.type].parse(value, plan.format)
    if plan.check is not None and (reason := plan.check(made)) is not None:
        raise ValueError(reason)
    return made


def objection(plan: ColumnPlan, value: str) -> str | None:
    """What the column's `check` has against a value that is not null; None too if the value does not fit the type."""
    assert plan.check is not None
    try:
        made = TYPES[plan.type].parse(value, plan.format)
    except ValueError:
        return None
    return plan.check(made)


def _plain_whole(cells: Sequence[str], most: int) -> bool:
    """Whether all cells are empty or short runs of ASCII digits without leading zeros: taken as they are."""
    run = "".join(cells)
    if not run:
        return True
    if not (run.isascii() and run.isdigit()) or max(map(len, cells)) > most:
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
