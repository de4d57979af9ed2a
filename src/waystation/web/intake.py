"""Take an uploaded file in: multipart or raw, straight from the socket to the disk, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from waystation.control import Control, UploadWriter
from waystation.errors import InvalidRequest, MalformedBody, NoFile, TooLarge, TooSlow, WaystationError
from waystation.web import current
from waystation.web.inputs import MAX_JSON, check
from waystation.web.policies import MultipartUpload, Policies, RawUpload

BLOCK = 2**20  # bytes read at once
MAX_PARTS = 100
_FORM = ("multipart/form-data", "application/x-www-form-urlencoded")


def take(request: Request, control: Control, actor: str, stack: ExitStack) -> tuple[UploadWriter, Policies]:
    """The file, written but not committed, and how it is to be imported; form fields win over the query's.

    The writer is left when `stack` closes, which removes the file unless it was committed. Raises NoFile, TooLarge, DiskFull,
    MalformedBody, and InvalidRequest for fields that are wrong.
    """
    limit = control.settings.max_upload
    if (request.content_length or 0) > limit + MAX_JSON:
        raise TooLarge(f"The upload has {request.content_length} bytes; {limit} is the most (WAYSTATION_MAX_UPLOAD).")
    values: dict[str, Any] = {name: value for name, value in request.args.items() if value != ""}
    if request.mimetype in _FORM:
        return _multipart(request, control, actor, stack, values)
    return _raw(request, control, actor, stack, values)


def _raw(
    request: Request, control: Control, actor: str, stack: ExitStack, values: dict[str, Any]
) -> tuple[UploadWriter, Policies]:
    policies = check(RawUpload, values)  # before the body is read: a wrong query need not wait for gigabytes
    _, options = parse_options_header(request.headers.get("Content-Disposition", ""))
    writer = stack.enter_context(control.receive(policies.name or options.get("filename") or "data.csv", actor=actor))
    for block in blocks_of(request):
        writer.write(block)
    if writer.size == 0 and not request.content_type:
        raise NoFile
    return writer, policies


def _multipart(
    request: Request, control: Control, actor: str, stack: ExitStack, values: dict[str, Any]
) -> tuple[UploadWriter, Policies]:
    if request.mimetype != "multipart/form-data":
        raise NoFile(
            "The request is a form without a file.",
            remedy="Send multipart/form-data with the field `file`, or the raw file with Content-Type: text/csv.",
        )
    writer, fields = form_with_file(request, control, actor, stack, "file")
    if writer is None:
        raise NoFile("The form has no field `file` with a file in it.")
    return writer, check(MultipartUpload, {**values, **fields, "file": ""})


def form_with_file(
    request: Request, control: Control, actor: str, stack: ExitStack, name: str
) -> tuple[UploadWriter | None, dict[str, str]]:
    """The file in the field `name`, written but not committed, and the other fields that are not empty; None without a file.

    The writer is left when `stack` closes, as that of `take`. Raises InvalidRequest, TooLarge, DiskFull, MalformedBody.
    """
    writer: UploadWriter | None = None
    unnamed = False  # a browser sends a file without a name when none was chosen
    field: tuple[str, bytearray] | None = None  # the part that is being read, unless it is the file
    values: dict[str, str] = {}
    for event in _events(request):
        match event:
            case File(name=of, filename=filename) if of == name:
                if writer is not None:
                    raise InvalidRequest(
                        f"The request carries more than one `{name}`.", remedy="Send one request for each file."
                    )
                writer = stack.enter_context(control.receive(filename or "data.csv", actor=actor))
                field, unnamed = None, not filename
            case File(name=other) | Field(name=other):
                field = (other or "", bytearray())
            case Data(data=data) if field is None:
                assert writer is not None
                writer.write(data)
            case Data(data=data, more_data=more):
                assert field is not None
                other, text = field
                text += data
                if len(text) > MAX_JSON:
                    raise TooLarge(f"The field {other[:60]!r} is larger than {MAX_JSON} bytes.")
                if not more and text:
                    values[other] = text.decode(errors="replace")
    return (None if writer is None or (unnamed and writer.size == 0) else writer), values


def blocks_of(request: Request, size: int = BLOCK) -> Iterator[bytes]:
    """The body as it comes in, in blocks of `size` bytes. Raises MalformedBody when it breaks off: a
    server hands on what came before as if that were all, and half a file must not pass for a whole one."""
    came = 0
    current.expect(size)
    try:
        while block := request.stream.read(size):
            came += len(block)
            yield block
            current.expect(size)
        current.arrived()
    except (BlockingIOError, TimeoutError) as error:
        raise TooSlow(f"After {came} bytes nothing came for too long.") from error
    except (OSError, ClientDisconnected, ParseException) as error:  # the last of these: its chunks are not what they say
        raise _broken(came) from error
    if request.content_length is not None and came != request.content_length:
        raise _broken(came)


def _broken(came: int) -> WaystationError:
    if current.overdue():
        return TooSlow(f"After {came} bytes they came too slowly (WAYSTATION_UPLOAD_RATE).")
    return MalformedBody(f"The upload broke off after {came} bytes.", remedy="Send it again.")


def _events(request: Request) -> Iterator[Event]:
    """The parts of a multipart body as they come in, up to its end; MalformedBody for a body that has none."""
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        raise MalformedBody("The Content-Type multipart/form-data names no boundary.")
    decoder = MultipartDecoder(boundary.encode(), max_form_memory_size=BLOCK + MAX_JSON, max_parts=MAX_PARTS)
    try:
        for block in chain(blocks_of(request), [None]):
            decoder.receive_data(block)
            event = decoder.next_event()
            while not isinstance(event, NeedData | Epilogue):
                yield event
                event = decoder.next_event()
    except RequestEntityTooLarge as error:
        raise TooLarge(f"A part's head is too large, or there are more than {MAX_PARTS} parts.") from error
    except ValueError as error:
        raise MalformedBody(f"The multipart body can't be read: {error}.") from error
