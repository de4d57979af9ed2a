"""The encoder in plain Python: what is right, and what serves where the compiled one was not built.

Its rows are in COPY's text format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

from waystation.csvio.column import check, escape
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan, Encoded, Zone
from waystation.csvio.reading import Ragged, Records, Wrong, fitted, read
from waystation.csvio.rejects import Reject, copy_rows, shown, storable_fields
from waystation.csvio.types import TYPES


@dataclass(frozen=True, slots=True)
class _Checked:
    """Records, and of the good ones the texts by column and the index in the records; `wrong` says what the others are."""

    records: Records
    wrong: dict[int, Wrong]
    good: Sequence[int]
    texts: list[Sequence[str]]


def encode(
    chunk: bytes,
    dialect: Dialect,
    columns: Sequence[ColumnPlan],
    *,
    width: int,
    batch: int,
    first_record: int,
    first_line: int,
    ragged: Ragged = "reject",
) -> Encoded:
    """See encode.py. Bad rows cost about what good ones do."""
    made = _check(read(chunk, dialect, width=width, first_line=first_line, ragged=ragged), columns, width)
    starts = made.records.starts
    places = ((first_record + at, starts[at]) for at in sorted(made.wrong))
    return Encoded(
        data=_copy_rows(columns, made.texts, batch, [first_record + at for at in made.good]),
        binary=False,
        rows_good=len(made.good),
        rows_bad=len(made.wrong),
        records=len(starts),
        lines=made.records.lines,
        reject_rows=copy_rows(_rejects(made, columns, places)),
        zones=_zones(columns, made.texts),
    )


def refuse(
    bad: bytes,
    dialect: Dialect,
    columns: Sequence[ColumnPlan],
    *,
    width: int,
    places: Sequence[tuple[int, int]],
    ragged: Ragged = "reject",
) -> list[Reject]:
    """The rejects of records that are known to be bad, one after the other in `bad`; `places`: (record, line) of each."""
    made = _check(read(bad, dialect, width=width, first_line=1, ragged=ragged), columns, width)
    assert len(made.wrong) == len(made.records.fields) == len(places), "the encoders differ about which records are bad"
    return _rejects(made, columns, places)


def _check(records: Records, columns: Sequence[ColumnPlan], width: int) -> _Checked:
    wrong = records.wrong
    where: list[int] | range = range(len(records.fields))  # the index of each row that is still good
    rows = records.fields
    if wrong:
        where = [at for at in where if at not in wrong]
        rows = [rows[at] for at in where]
    if not set(map(len, rows)) <= {width}:
        rows = [fitted(row, width) for row in rows]
    cells: list[tuple[str, ...]] = list(zip(*rows, strict=True)) if rows else [()] * width

    texts: list[Sequence[str]] = []
    keep = bytearray(b"\1") * len(rows)
    for plan in columns:
        column = [""] * len(rows) if plan.position is None else cells[plan.position]
        made, bad = check(plan, column)
        texts.append(made)
        if bad:
            for number, value in enumerate(column):
                if value in bad and keep[number]:
                    keep[number] = 0
                    wrong[where[number]] = Wrong(plan.position, value, bad[value], plan.name)
    if not all(keep):
        texts = [list(compress(made, keep)) for made in texts]
        where = list(compress(where, keep))
    return _Checked(records, wrong, where, texts)


def _rejects(made: _Checked, columns: Sequence[ColumnPlan], places: Iterable[tuple[int, int]]) -> list[Reject]:
    names = {plan.position: plan.name for plan in columns if plan.position is not None}
    return [
        Reject(
            line=line,
            record=record,
            column=what.column or (None if what.position is None else names.get(what.position)),
            value=shown(what.value),
            reason=what.reason,
            fields=storable_fields(made.records.fields[at]),
        )
        for (at, what), (record, line) in zip(sorted(made.wrong.items()), places, strict=True)
    ]


def _zones(columns: Sequence[ColumnPlan], texts: Sequence[Sequence[str]]) -> dict[str, Zone]:
    return {
        plan.name: (min(seen), max(seen), len(made) - made.count(""))
        for plan, made in zip(columns, texts, strict=True)
        if plan.type in ("date", "timestamp") and (seen := set(made) - {""})
    }


def _copy_rows(columns: Sequence[ColumnPlan], texts: Sequence[Sequence[str]], batch: int, records: Sequence[int]) -> bytes:
    if not records:
        return b""
    heads = [f"{batch}\t{record}" for record in records]
    bodies = [escape(made, free_text=TYPES[plan.type].free) for plan, made in zip(columns, texts, strict=True)]
    return ("\n".join(map("\t".join, zip(heads, *bodies, strict=True))) + "\n").encode()
