"""`import`: a CSV file becomes a batch of a dataset: staged chunk by chunk, published in one moment, undone in one moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from waystation.csvio.infer import Inferred, infer
from waystation.csvio.sniff import Sniffed, sniff
from waystation.errors import InvalidName, InvalidParams, UnknownColumn
from waystation.kinds.importing import counts, load
from waystation.model import SQL_TYPES, Column, Dataset
from waystation.sdk import Checkpoint, Context, Look, Steps, task

NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}$")

SMALL = 2**20  # bytes of a file that is imported within about a second
SMALL_FIRST = 10  # its priority


class ImportParams(BaseModel):
    """What to import, and how."""

    model_config = ConfigDict(extra="forbid")

    upload: UUID = Field(description="The uploaded file.")
    dataset: str = Field("data", description="The dataset that gets the rows; a new name makes a new one.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="What parts the fields; found if not given.")
    types: dict[str, str] = Field({}, description=f"Types of columns by name: {', '.join(SQL_TYPES)}.")
    on_error: Literal["reject", "abort"] = Field("reject", description="What to do with a row that does not fit.")
    max_errors: int | None = Field(10_000, ge=0, description="Rejected rows after which the task fails; null for no limit.")
    dry_run: bool = Field(False, description="Check the file and publish nothing.")


@task("import", undoable=True, changeable=("max_errors",), unit="bytes")
def import_csv(ctx: Context, params: ImportParams, cursor: dict[str, Any] | None = None) -> Steps:
    """Import a CSV file into a dataset."""
    upload = ctx.upload(params.upload)
    with ctx.open_upload(params.upload) as source:
        if cursor is None:
            sniffed = sniff(source, delimiter=params.delimiter)
            inferred = infer(source, sniffed)
            dataset = ctx.dataset(params.dataset)
            columns = choose_types(sniffed, inferred, dataset, params.types)
            ctx.stage(
                params.dataset,
                [Column(c["name"], c["type"]) for c in columns],
                mode="dry_run" if params.dry_run else "append",
                header=sniffed.header,
            )
            cursor = {
                "dialect": sniffed.dialect.as_json(),
                "columns": columns,
                "width": len(sniffed.header),
                "renamed": sniffed.renamed,
                "offset": sniffed.data_offset,
                "record": 1,
                "line": sniffed.data_line,
                "good": 0,
                "bad": 0,
            }
            yield Checkpoint(cursor, done=sniffed.data_offset, total=upload.size, phase="read", counts=counts(cursor))

        cursor = yield from load(ctx, source, cursor, size=upload.size, on_error=params.on_error, max_errors=params.max_errors)
    return {
        "dataset": params.dataset,
        "batch": ctx.staged().id,
        "rows": cursor["good"],
        "rejected": cursor["bad"],
        "dry_run": params.dry_run,
        "columns": [{k: c[k] for k in ("name", "type", "why")} for c in cursor["columns"]],
        "renamed": cursor["renamed"],
    }


@import_csv.check
def check(look: Look, params: ImportParams) -> None:
    """Refuse at once what can't become rows: a bad name, a file that is no CSV, a type for a column that is not there."""
    if not NAME.match(params.dataset):
        raise InvalidName(f"{params.dataset[:60]!r} is no name for a dataset.")
    with look.open_upload(params.upload) as source:
        sniffed = sniff(source, delimiter=params.delimiter)
    _check_types(params.types, sniffed.names)


@import_csv.rank
def rank(look: Look, params: ImportParams) -> int:
    """A small file does not wait behind a large one: it is done before anybody misses the slot."""
    return SMALL_FIRST if look.upload(params.upload).size <= SMALL else 0


def _check_types(types: Mapping[str, str], names: tuple[str, ...]) -> None:
    for name, wanted in types.items():
        if name not in names:
            raise UnknownColumn(f"`types` names the column {name!r}, which the file does not have.", columns=list(names))
        if wanted not in SQL_TYPES:
            raise InvalidParams(f"`types` gives {name!r} the type {wanted!r}; the types are {', '.join(SQL_TYPES)}.")


def choose_types(
    sniffed: Sniffed, inferred: tuple[Inferred, ...], dataset: Dataset | None, given: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Each column's type and why: given in the request, or the dataset's own, or inferred from the file."""
    known = {c.name: c.type for c in dataset.columns} if dataset else {}
    found = {i.name: i for i in inferred}
    columns = []
    for position, name in enumerate(sniffed.names):
        if position in sniffed.dropped:
            continue
        if name in given:
            kind, why = given[name], "named in the request"
        elif name in known:
            kind, why = known[name], "the dataset's own type"
        else:
            kind, why = found[name].type, found[name].why
        columns.append({"position": position, "name": name, "type": kind, "why": why})
    return columns
