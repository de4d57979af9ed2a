"""`import`: a CSV file becomes a batch of a dataset: staged chunk by chunk, published in one moment, undone in one moment."""

from __future__ import annotations

from typing import Any, BinaryIO

from waystation.csvio.infer import infer
from waystation.csvio.reasons import listed
from waystation.csvio.sniff import sniff
from waystation.csvio.spool import beginning
from waystation.kinds import keys
from waystation.kinds.columns import doubts, plans_of, settle
from waystation.kinds.duplicates import refuse_twice
from waystation.kinds.importing import counts, load, parts_for
from waystation.kinds.request import ImportParams
from waystation.kinds.unpacking import Origin, unpack
from waystation.model import Column, Upload
from waystation.sdk import Checkpoint, Context, Look, Steps, task
from waystation.sdk.filling import check_dataset_name

SMALL = 2**20  # bytes of a file that is imported within about a second
SMALL_FIRST = 10  # its priority


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
        plans = plans_of(cursor["columns"], params)
        with _open(ctx, params, origin) as source:
            size = _size(upload, origin)
            cursor = yield from load(
                ctx, source, cursor, plans, size=size, on_error=params.on_error, max_errors=params.max_errors
            )
        if origin["spooled"] is not None or params.key is not None:
            cursor = {**cursor, "read": True}
            yield Checkpoint(cursor)  # from here on nothing is read any more: only now the spool may go
    if origin["spooled"] is not None:
        ctx.drop_spool(params.upload)
    if params.key is not None:
        cursor = yield from keys.merge(ctx, params, cursor)
        ctx.counts.update(keys.counts(params, cursor))
    return {
        "dataset": params.dataset,
        "batch": ctx.staged().id,
        "rows": cursor["good"],
        "rejected": cursor["bad"],
        "reasons": listed(cursor.get("reasons", {})),
        **(keys.counts(params, cursor) if params.key is not None else {}),
        "mode": params.mode,
        "dry_run": params.dry_run,
        "source": {"packing": origin["packing"], "encoding": origin["encoding"], "why": origin["why"]},
        "columns": [{k: c[k] for k in ("name", "type", "why")} for c in cursor["columns"]],
        "renamed": cursor["renamed"],
        "warnings": cursor["warnings"],
    }


def _open(ctx: Context, params: ImportParams, origin: Origin) -> BinaryIO:
    """The file as plain UTF-8."""
    return ctx.open_upload(params.upload) if origin["spooled"] is None else ctx.open_spooled(params.upload)


def _size(upload: Upload, origin: Origin) -> int:
    """Its bytes."""
    return upload.size if origin["spooled"] is None else int(origin["spooled"])


def _begin(ctx: Context, params: ImportParams, source: BinaryIO, origin: Origin, size: int) -> dict[str, Any]:
    """Look at the file, settle its columns and stage the batch; the cursor that the reading begins with."""
    sniffed = sniff(source, **params.written)
    ctx.file_limits.check_columns(len(sniffed.header))
    inferred = infer(source, sniffed, form=params.form, dates=params.dates, ragged=params.ragged)
    columns = settle(params, sniffed, inferred, ctx.dataset(params.dataset))
    warnings = doubts(sniffed, columns, params)
    for warning in warnings:
        ctx.log(warning)
    ctx.stage(
        params.dataset,
        [Column(c["name"], c["type"], c["why"]) for c in columns],
        mode="dry_run" if params.dry_run else "replace" if keys.rewrites(params) else params.mode,
        header=sniffed.header,
        parts=parts_for(size),
        sha256=ctx.upload(params.upload).sha256,
    )
    return {
        "origin": origin,
        "dialect": sniffed.dialect.as_json(),
        "columns": columns,
        "width": len(sniffed.header),
        "ragged": "trim" if sniffed.trailing and params.ragged == "reject" else params.ragged,
        "renamed": sniffed.renamed,
        "warnings": warnings,
        "offset": sniffed.data_offset,
        "record": 1,
        "line": sniffed.data_line,
        "good": 0,
        "bad": 0,
        "reasons": {},
        "read": False,
    }


@import_csv.check
def check(look: Look, params: ImportParams) -> None:
    """Refuse at once what can't become rows: a bad name, a file that is no CSV, what is asked of columns that are not there;
    and a file whose rows are there already."""
    check_dataset_name(params.dataset)
    with look.open_upload(params.upload) as source:
        sniffed = sniff(beginning(source, params.encoding), **params.written)
    look.file_limits.check_columns(len(sniffed.header))
    settle(params, sniffed, None, look.dataset(params.dataset))
    refuse_twice(look, params)


@import_csv.rank
def rank(look: Look, params: ImportParams) -> int:
    """A small file does not wait behind a large one: it is done before anybody misses the slot."""
    return SMALL_FIRST if look.upload(params.upload).size <= SMALL else 0
