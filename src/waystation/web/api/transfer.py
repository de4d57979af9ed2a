"""Rows in, rows out: upload a file, ask for a download."""

from __future__ import annotations

from contextlib import ExitStack

from flask import request
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import (
    DatasetNotFound,
    DiskFull,
    DuplicateFile,
    EmptyDataset,
    EmptyFile,
    IdempotencyKeyReused,
    InvalidDate,
    InvalidFilter,
    InvalidName,
    InvalidOrder,
    InvalidParams,
    InvalidRange,
    MalformedBody,
    NoDateColumn,
    NoFile,
    NoRows,
    NotCsv,
    QueueFull,
    TooLarge,
    TooManyTasks,
    TooManyUploads,
    TooSlow,
    UnknownColumn,
)
from waystation.web import current, guards
from waystation.web.api.common import ACCEPTED, ACTING_GET, ACTOR_HEADER, KEY_HEADER, has_page, submitted
from waystation.web.inputs import DownloadRequest, everything
from waystation.web.intake import take
from waystation.web.operations import Room
from waystation.web.policies import MultipartUpload, RawUpload

room = Room("transfer", __name__)


@room.operation(
    "POST",
    "/tasks/upload",
    "Import a CSV file",
    *ACCEPTED,
    query=RawUpload,
    body=MultipartUpload,
    body_types=("multipart/form-data",),
    raw_body="The file itself; its name and policies stand in the query.",
    headers={**KEY_HEADER, **ACTOR_HEADER},
    errors=(
        NoFile,
        EmptyFile,
        NotCsv,
        NoRows,
        InvalidName,
        InvalidParams,
        UnknownColumn,
        DuplicateFile,
        IdempotencyKeyReused,
        TooManyUploads,
        TooManyTasks,
        QueueFull,
        MalformedBody,
        TooSlow,
        TooLarge,
        DiskFull,
    ),
    needs=Need.SUBMIT,
)
def upload() -> ResponseReturnValue:
    """Send a CSV file as the field `file` of a multipart form, or as the raw body, and start its import. What can't be
    imported is refused at once, and nothing of it is kept."""
    has_page()
    control, actor, key = current.control(), current.actor(), current.idempotency_key()
    with current.crowds().upload(control.settings.uploads_at_once), ExitStack() as stack:
        writer, policies = take(request, control, actor, stack)
        sent = writer.commit()
        params = {"upload": str(sent.id), **policies.params()}
        task, created = control.submit("import", params, actor=actor, idempotency_key=key, priority=policies.priority)
        if not created:
            writer.withdraw()
    return submitted(task, created)


@room.operation(
    "GET",
    "/tasks/download",
    "Export rows of a range of dates",
    *ACCEPTED[:2],
    query=DownloadRequest,
    headers=ACTOR_HEADER,
    errors=(
        DatasetNotFound,
        EmptyDataset,
        InvalidDate,
        InvalidFilter,
        InvalidOrder,
        InvalidRange,
        InvalidParams,
        NoDateColumn,
        UnknownColumn,
        *ACTING_GET,
    ),
    needs=Need.SUBMIT,
)
@room.operation(
    "POST",
    "/tasks/download",
    "Export rows of a range of dates",
    *ACCEPTED,
    query=DownloadRequest,
    body=DownloadRequest,
    body_types=("application/json", "application/x-www-form-urlencoded"),
    example={"dataset": "data", "from": "2010-02-15", "till": "2019-03-15"},
    headers={**KEY_HEADER, **ACTOR_HEADER},
    errors=(
        DatasetNotFound,
        EmptyDataset,
        InvalidDate,
        InvalidFilter,
        InvalidOrder,
        InvalidRange,
        InvalidParams,
        NoDateColumn,
        UnknownColumn,
        IdempotencyKeyReused,
        TooManyTasks,
        QueueFull,
        MalformedBody,
    ),
    needs=Need.SUBMIT,
)
def download() -> ResponseReturnValue:
    """Start an export of the rows whose date lies from `from` to `till`, both days included. The fields stand in the query, a
    form or a JSON body. By GET only for callers on the server's own machine."""
    has_page()
    guards.acting_get()
    asked = everything(DownloadRequest)
    key = current.idempotency_key() if request.method == "POST" else None
    task, created = current.control().submit(
        "export", asked.params(), actor=current.actor(), idempotency_key=key, priority=asked.priority
    )
    return submitted(task, created)
