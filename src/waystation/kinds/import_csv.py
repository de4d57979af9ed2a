"""`import`: a CSV file becomes a batch of a dataset: staged chunk by chunk, published in one moment, undone in one moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from waystation.csvio.infer import Inferred, infer
from waystation.csvio.sniff import Sniffed, sniff
from waystation.csvio.spool import beginning
from waystation.errors import InvalidName, InvalidParams, UnknownColumn
from waystation.kinds.importing import counts, load, parts_for
from waystation.kinds.unpacking import Origin, unpack
from waystation.model import SQL_TYPES, Column, Dataset, Upload
from waystation.sdk import Checkpoint, Context, Look, Steps, task

NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}$")

SMALL = 2**20  # bytes of a file that is imported within about a second
SMALL_FIRST = 10  # its priority


class ImportParams(BaseModel):
    """What to import, and how."""

    model_config = ConfigDict(extra="forbid")

    upload: UUID = Field(description="The uploaded file.")
    dataset: str = Field("data", description="The dataset that gets the rows; a new name makes a new one.")
    encoding: str | None = Field(
        None, max_length=40, description="The file's encoding, such as windows-1252; told if not given."
    )
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="What parts the fields; found if not given.")
    types: dict[str, str] = Field({}, description=f"Types of columns by name: {', '.join(SQL_TYPES)}.")
    on_error: Literal["reject", "abort"] = Field("reject", description="What to do with a row that does not fit.")
    max_errors: int | None = Field(10_000, ge=0, description="Rejected rows after which the task fails; null for no limit.")
    dry_run: bool = Field(False, description="Check the file and publish nothing.")


@task("import", undoable=True, changeable=("max_errors",), unit="bytes", step_timeout=3600)
def import_csv(ctx: Context, params: ImportParams, cursor: dict[str, Any] | None = None) -> Steps:
    """Import a CSV file into a dataset."""
    upload = ctx.upload(params.upload)
    if cursor is None or "unpack" in cursor:
        with ctx.open_upload(params.upload) as packed:
            origin = yield from unpack(ctx, upload, packed, params.encoding, cursor and cursor["unpack"])
        with _open(ctx, params, origin) as source:
            cursor = _begin(ctx, params, source, origin, _size(upload, origin))
        yield Checkpoint(cursor, done=cursor["offset"], total=_size(upload, origin), phase="read", counts=counts(cursor))

    origin = cursor["origin"]
    if not cursor["read"]:
        with _open(ctx, params, origin) as source:
            size = _size(upload, origin)
            cursor = yield from load(ctx, source, cursor, size=size, on_error=params.on_error, max_errors=params.max_errors)
        if origin["spooled"] is not None:
            cursor = {**cursor, "read": True}
            yield Checkpoint(cursor)  # from here on nothing is read any more: only now the spool may go
    if origin["spooled"] is not None:
        ctx.drop_spool(params.upload)
    return {
        "dataset": params.dataset,
        "batch": ctx.staged().id,
        "rows": cursor["good"],
        "rejected": cursor["bad"],
        "dry_run": params.dry_run,
        "source": {"packing": origin["packing"], "encoding": origin["encoding"], "why": origin["why"]},
        "columns": [{k: c[k] for k in ("name", "type", "why")} for c in cursor["columns"]],
        "renamed": cursor["renamed"],
    }


def _open(ctx: Context, params: ImportParams, origin: Origin) -> BinaryIO:
    """The file as plain UTF-8."""
    return ctx.open_upload(params.upload) if origin["spooled"] is None else ctx.open_spooled(params.upload)


def _size(upload: Upload, origin: Origin) -> int:
    """Its bytes."""
    return upload.size if origin["spooled"] is None else int(origin["spooled"])


def _begin(ctx: Context, params: ImportParams, source: BinaryIO, origin: Origin, size: int) -> dict[str, Any]:
    """Look at the file, settle its columns and stage the batch; the cursor that the reading begins with."""
    sniffed = sniff(source, delimiter=params.delimiter)
    inferred = infer(source, sniffed)
    columns = choose_types(sniffed, inferred, ctx.dataset(params.dataset), params.types)
    ctx.stage(
        params.dataset,
        [Column(c["name"], c["type"]) for c in columns],
        mode="dry_run" if params.dry_run else "append",
        header=sniffed.header,
        parts=parts_for(size),
    )
    return {
        "origin": origin,
        "dialect": sniffed.dialect.as_json(),
        "columns": columns,
        "width": len(sniffed.header),
        "ragged": "reject",
        "renamed": sniffed.renamed,
        "offset": sniffed.data_offset,
        "record": 1,
        "line": sniffed.data_line,
        "good": 0,
        "bad": 0,
        "read": False,
    }


@import_csv.check
def check(look: Look, params: ImportParams) -> None:
    """Refuse at once what can't become rows: a bad name, a file that is no CSV, a type for a column that is not there."""
    if not NAME.match(params.dataset):
        raise InvalidName(f"{params.dataset[:60]!r} is no name for a dataset.")
    with look.open_upload(params.upload) as source:
        sniffed = sniff(beginning(source, params.encoding), delimiter=params.delimiter)
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
