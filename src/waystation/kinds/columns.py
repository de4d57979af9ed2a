"""The columns of an import: what is settled about each before the file is read, and the plan that the reading follows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from waystation.csvio.column import parse
from waystation.csvio.constraints import check_of
from waystation.csvio.encode import ColumnPlan, ValueFormat
from waystation.csvio.infer import Inferred
from waystation.csvio.names import safe_name
from waystation.csvio.sniff import Sniffed
from waystation.errors import InvalidParams, UnknownColumn
from waystation.kinds.request import ImportOptions
from waystation.model import SQL_TYPES, Dataset

SettledColumn = dict[str, Any]  # position, name, type, why and dates, as a cursor holds them


def plans_of(columns: Sequence[Mapping[str, Any]], params: ImportOptions) -> list[ColumnPlan]:
    """The plans of the columns as a cursor has them, by what was asked."""
    form, rules = params.form, params.constraints
    return [
        ColumnPlan(
            c["position"],
            c["name"],
            c["type"],
            ValueFormat(c["dates"], form.thousands, form.decimal, form.nulls, form.guarded),
            required=c["name"] in (params.key or ()) or (c["name"] in rules and rules[c["name"]].required),
            check=check_of(c["name"], c["type"], rules[c["name"]].constraint()) if c["name"] in rules else None,
        )
        for c in columns
    ]


def chosen(sniffed: Sniffed, asked: list[str] | dict[str, str] | None) -> dict[int, str]:
    """Which columns of the file are imported: their names in the dataset, by their positions in the file, in their order.

    Raises UnknownColumn for one that the file does not have, and InvalidParams for a name that can't be or is used twice.
    """
    named = {at: name for at, name in enumerate(sniffed.names) if at not in sniffed.dropped}
    if asked is None:
        return named
    places = {name: at for at, name in named.items()}
    places |= {word.strip(): at for at, word in enumerate(sniffed.header) if at in named and sniffed.header.count(word) == 1}
    found: dict[int, str] = {}
    for word, name in asked.items() if isinstance(asked, dict) else ((word, None) for word in asked):
        at = places.get(word.strip())
        if at is None:
            raise UnknownColumn(f"`columns` names {word[:60]!r}, which the file does not have.", columns=list(named.values()))
        if name is not None and safe_name(name, 0) != name:
            raise InvalidParams(f"`columns` calls {word!r} {name[:70]!r}, which is no name for a column.")
        if at in found:
            raise InvalidParams(f"`columns` names {word!r} twice.")
        found[at] = named[at] if name is None else name
    if not found:
        raise InvalidParams("`columns` is empty: name one column at least, or leave it out.")
    twice = next((name for name in found.values() if list(found.values()).count(name) > 1), None)
    if twice is not None:
        raise InvalidParams(f"`columns` calls two columns {twice!r}.")
    # A list says an order. An object has none in the database, so that its columns come as in the file.
    return dict(sorted(found.items())) if isinstance(asked, dict) else found


def settle(
    params: ImportOptions, sniffed: Sniffed, inferred: Sequence[Inferred] | None, dataset: Dataset | None
) -> list[SettledColumn]:
    """Each column's type and why: given in the request, or the dataset's own, or inferred from the file.

    Without `inferred`, only those that need no look at the rows are told. Raises UnknownColumn and InvalidParams for what was
    asked of columns and can't be.
    """
    names = chosen(sniffed, params.columns)
    for option, asked in (("types", params.types), ("constraints", params.constraints), ("key", params.key or ())):
        for name in asked:
            if name not in names.values():
                raise UnknownColumn(
                    f"`{option}` names the column {name[:60]!r}, which is not imported.", columns=list(names.values())
                )
    for name, kind in params.types.items():
        if kind not in SQL_TYPES:
            raise InvalidParams(f"`types` gives {name!r} the type {kind[:40]!r}; the types are {', '.join(SQL_TYPES)}.")
    own = {c.name: c.type for c in dataset.columns} if dataset else {}
    found = {i.position: i for i in inferred or ()}
    columns: list[SettledColumn] = []
    for at, name in names.items():
        dates, doubt = (found[at].dates, found[at].doubt) if at in found else (params.dates or "ymd", "")
        if name in params.types:
            kind, why = params.types[name], "named in the request"
        elif name in own:
            kind, why = own[name], "the dataset's own type"
        elif at in found:
            kind, why, doubt = found[at].type, found[at].why, ""
        else:
            continue
        if doubt and kind in ("date", "timestamp"):
            why += f"; {doubt}"
        if kind == "json" and name in (params.key or ()):
            raise InvalidParams(f"`key` names {name!r}, which is json: no two of these are known to be the same.")
        columns.append({"position": at, "name": name, "type": kind, "why": why, "dates": dates})
    plans_of(columns, params)  # a bound that is no value of its column's type is told before any row is read
    return columns


def doubts(sniffed: Sniffed, columns: Sequence[SettledColumn], params: ImportOptions) -> list[str]:
    """What people should be told of a file that is imported all the same: that its header could be a row.

    Then each of its words is one of its column's values, as far as these are not any text; years may be names of columns.
    """
    if params.header is not True:
        return []
    typed = [plan for plan in plans_of(columns, params) if plan.type not in ("text", "json")]
    words = [(plan, sniffed.header[plan.position].strip()) for plan in typed if plan.position is not None]
    values = [word for plan, word in words if word and not _misfit(plan, word)]
    if len(values) < sum(bool(word) for _, word in words) or all(map(_year, values)):
        return []
    shown = ", ".join(map(repr, values[:3]))
    return [f"The first line was taken for a header, but {shown} could be values: if it is a row, say header=false."]


_year = re.compile(r"(?:19|20)[0-9]{2}").fullmatch


def _misfit(plan: ColumnPlan, word: str) -> bool:
    try:
        parse(plan, word)
    except ValueError:
        return True
    return False
