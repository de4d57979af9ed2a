"""Resumable uploads: tus 1.0. A finished one is imported by POST /tasks {"kind": "import", "params": {"upload": ID}}."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.http import http_date

from waystation.access import Need
from waystation.errors import (
    ChecksumMismatch,
    DiskFull,
    InvalidRequest,
    MalformedBody,
    MethodNotAllowed,
    OffsetMismatch,
    ProtocolVersion,
    TooLarge,
    TooManyUploads,
    TooSlow,
    UploadInUse,
    UploadLocked,
    UploadNotFound,
    WaystationError,
    WrongMediaType,
)
from waystation.model import UnfinishedUpload, Upload
from waystation.resumable import CHECKSUMS
from waystation.web import current, tus
from waystation.web.api.common import ACTOR_HEADER, json_of
from waystation.web.intake import blocks_of
from waystation.web.lines import Lines
from waystation.web.operations import Answer, Room
from waystation.web.shapes import UploadOut

room = Room("uploads", __name__)
lines = Lines()

BLOCK = 2**16  # bytes read at once: what is lost with a connection is less than one of these
PATIENCE = 0.5  # seconds that a request waits for the one before it to end
DEAD_PATIENCE = 3.0  # the same, where the one before it was just ended because its line was dead
VERSION_HEADER = {"Tus-Resumable": "1.0.0, on every request but GET and OPTIONS."}
BODY_HEADERS = {"Upload-Checksum": "`sha1` or `sha256`, a space, and the base64 of the digest of this request's bytes."}
PLACE = {"Upload-Offset": "How many bytes are here for good.", "Upload-Expires": "Until when it waits for its next bytes."}
RECEIVING = (WrongMediaType, ChecksumMismatch, TooLarge, DiskFull, MalformedBody, TooSlow, TooManyUploads)


@room.before_request
def _speaks_tus() -> None:
    if request.method not in ("GET", "OPTIONS") and request.headers.get("Tus-Resumable") != tus.VERSION:
        raise ProtocolVersion


@room.after_request
def _says_so(response: Response) -> Response:
    response.headers["Tus-Resumable"] = tus.VERSION
    if response.status_code == ProtocolVersion.status:
        response.headers["Tus-Version"] = tus.VERSION
    return response


@room.operation(
    "OPTIONS",
    "/uploads",
    "What resumable uploads can do here",
    Answer(
        204,
        "See the headers.",
        headers={
            "Tus-Version": "The version of tus.",
            "Tus-Extension": "Its extensions.",
            "Tus-Max-Size": "Bytes of the largest upload.",
            "Tus-Checksum-Algorithm": "How bytes can be checked.",
        },
    ),
    needs=Need.NOTHING,
)
def capabilities() -> ResponseReturnValue:
    """The version and the extensions of [tus](https://tus.io) that this server speaks, and the size that it takes."""
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(current.house().settings.max_upload),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
    return Response(status=204, headers=headers)


@room.operation(
    "POST",
    "/uploads",
    "Announce a resumable upload",
    Answer(201, "The upload.", UploadOut, headers={"Location": "Where its bytes go.", **PLACE}),
    raw_body="Optional: the first bytes of the file, or all of them.",
    raw_type=tus.BODY,
    headers={
        **VERSION_HEADER,
        "Upload-Length": "How many bytes the file has.",
        "Upload-Metadata": "Pairs of a key and a base64 value, with commas between; `filename` is the file's name.",
        **BODY_HEADERS,
        **ACTOR_HEADER,
    },
    errors=(*RECEIVING, InvalidRequest, ProtocolVersion),
    needs=Need.SUBMIT,
)
def announce() -> ResponseReturnValue:
    """Say how large the file is and how it is called; its bytes follow by PATCH, in as many pieces as it takes, each from
    where the one before it ended. Nothing is imported yet."""
    resumable = current.house().resumable
    size = tus.length(request.headers)
    metadata, name = tus.metadata(request.headers)
    check = tus.checksum(request.headers)
    made = resumable.announce(name=name, size=size, metadata=metadata, actor=current.actor())
    if request.mimetype == tus.BODY:
        try:
            made = resumable.take(made.id, 0, _bytes(made.id), length=request.content_length, checksum=check)
        except WaystationError:
            resumable.give_up(made.id)  # nobody has heard of it
            raise
    response = json_of(UploadOut.of(made), 201)
    response.headers["Location"] = UploadOut.url(made.id)
    return _placed(response, made)


@room.operation(
    "HEAD",
    "/uploads/<upload_id>",
    "How much of an upload is here",
    Answer(200, "See the headers.", media_type="text/plain", headers={"Upload-Length": "Bytes of the whole.", **PLACE}),
    headers=VERSION_HEADER,
    errors=(UploadNotFound, UploadLocked, ProtocolVersion),
    needs=Need.OWN,
)
@room.operation(
    "GET",
    "/uploads/<upload_id>",
    "Show an upload",
    Answer(200, "The upload.", UploadOut, headers=PLACE),
    errors=(UploadNotFound, UploadLocked),
    needs=Need.OWN,
)
def standing(upload_id: str) -> ResponseReturnValue:
    """How many bytes are on the disk for good: a client whose connection broke asks this, and goes on from there."""
    id = _id(upload_id)
    patience = _patience(id) if request.method == "HEAD" else 0.0
    found = current.house().resumable.show(id, patience=patience)
    response = json_of(UploadOut.of(found))
    if found.metadata:
        response.headers["Upload-Metadata"] = found.metadata
    response.headers["Upload-Length"] = str(found.size)
    return _placed(response, found)


@room.operation(
    "PATCH",
    "/uploads/<upload_id>",
    "Send bytes of an upload",
    Answer(204, "They are on the disk for good.", headers=PLACE),
    raw_body="Bytes of the file, from Upload-Offset on: some, or all that are left.",
    raw_type=tus.BODY,
    headers={**VERSION_HEADER, "Upload-Offset": "Where these bytes begin: what HEAD tells.", **BODY_HEADERS},
    errors=(*RECEIVING, InvalidRequest, UploadNotFound, OffsetMismatch, UploadLocked, ProtocolVersion),
    needs=Need.OWN,
)
def send(upload_id: str) -> ResponseReturnValue:
    """Send on from where the upload stands. What has come counts even if the connection breaks; with Upload-Checksum a piece
    counts as a whole or not at all. With the last byte the upload is whole: a task of the kind `import` can name it."""
    if request.mimetype != tus.BODY:
        raise WrongMediaType(f"The bytes of an upload are sent as {tus.BODY}.")
    id, house = _id(upload_id), current.house()
    with current.crowds().upload(house.settings.uploads_at_once):
        taken = house.resumable.take(
            id,
            tus.number(request.headers, "Upload-Offset"),
            _bytes(id),
            length=request.content_length,
            checksum=tus.checksum(request.headers),
            patience=_patience(id),
        )
    return _placed(Response(status=204), taken)


@room.operation(
    "DELETE",
    "/uploads/<upload_id>",
    "Give an upload up",
    Answer(204, "It is gone."),
    headers=VERSION_HEADER,
    errors=(UploadNotFound, UploadInUse, ProtocolVersion),
    needs=Need.OWN,
)
def give_up(upload_id: str) -> ResponseReturnValue:
    """Remove an upload, whole or not, that no task has."""
    current.house().resumable.give_up(_id(upload_id))
    return Response(status=204)


@room.operation(
    "POST",
    "/uploads/<upload_id>",
    "PATCH or DELETE for those who can send neither",
    Answer(204, "As the method that is named.", headers=PLACE),
    raw_body="As for PATCH.",
    raw_type=tus.BODY,
    headers={**VERSION_HEADER, "X-HTTP-Method-Override": "`PATCH` or `DELETE`."},
    errors=(*RECEIVING, UploadNotFound, OffsetMismatch, UploadLocked, UploadInUse, MethodNotAllowed, ProtocolVersion),
    needs=Need.OWN,
)
def overridden(upload_id: str) -> ResponseReturnValue:
    """The method stands in the header X-HTTP-Method-Override: some proxies let nothing through but GET and POST."""
    match request.headers.get("X-HTTP-Method-Override", "").upper():
        case "PATCH":
            return send(upload_id)
        case "DELETE":
            return give_up(upload_id)
        case _:
            raise MethodNotAllowed("POST to an upload needs X-HTTP-Method-Override: PATCH or DELETE.")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UploadNotFound(f"There is no upload {text[:60]!r}.") from None


def _patience(id: UUID) -> float:
    return DEAD_PATIENCE if lines.cut_dead(id) else PATIENCE


def _bytes(id: UUID) -> Iterator[bytes]:
    connection = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    with lines.hold(id, connection) as line:
        for block in blocks_of(request, BLOCK):
            line.heard()
            yield block


def _placed(response: Response, found: Upload | UnfinishedUpload) -> Response:
    if isinstance(found, UnfinishedUpload):
        response.headers["Upload-Offset"] = str(found.received)
        response.headers["Upload-Expires"] = http_date(found.expires_at)
    else:
        response.headers["Upload-Offset"] = str(found.size)
    return response
