"""What came of a task: its result file, its rejected rows, its timeline."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import wrap_file

from waystation.access import Need
from waystation.acts import Act
from waystation.errors import MalformedBody, NoResult, RangeNotSatisfiable, TaskNotFound, WrongLink
from waystation.model import JsonValue
from waystation.web import current
from waystation.web.api.common import json_of
from waystation.web.inputs import EventsQuery, LinkQuery, LinkRequest, RejectsQuery, body, query
from waystation.web.links import signed
from waystation.web.operations import Answer, Room
from waystation.web.outgoing import BLOCK
from waystation.web.shapes import LinkOut, RejectList, RejectRow, Timeline, task_url

room = Room("outcome", __name__)
_FILE_HEADERS = {"ETag": "The file's sha256.", "Content-Disposition": "What to call it."}


@room.operation(
    "GET",
    "/tasks/<task_id>/result",
    "Fetch a task's result file",
    Answer(200, "The file.", media_type="text/csv", headers=_FILE_HEADERS),
    Answer(206, "The part that Range asked for.", media_type="text/csv"),
    Answer(302, "Where the file is kept in a bucket: the link to it.", headers={"Location": "Good for some minutes."}),
    Answer(304, "If-None-Match names the file as it is."),
    query=LinkQuery,
    errors=(TaskNotFound, NoResult, RangeNotSatisfiable, WrongLink),
    needs=Need.SEE,
)
def result(task_id: str) -> ResponseReturnValue:
    """The file, whole or in parts (Range); its ETag is its sha256, so that a broken download can go on where it broke.

    Where files are kept in a bucket, the answer is a link to it that is good for some minutes (WAYSTATION_S3_LINKS)."""
    query(LinkQuery)
    control = current.control()
    file = control.result(task_id)
    actor = current.actor()
    seconds = control.settings.s3_links
    if seconds and (link := control.files.link(file.place, seconds=seconds)):
        control.note_taken(task_id, Act.RESULT_FETCH, actor=actor, data=_how())
        return Response(status=302, headers={"Location": link, "Cache-Control": "no-store"})
    response = Response(wrap_file(request.environ, file.open(), BLOCK), mimetype=file.media_type, direct_passthrough=True)
    response.content_length = file.size
    response.headers.set("Content-Disposition", "attachment", filename=file.name)
    response.set_etag(file.sha256)
    try:
        response.make_conditional(request, accept_ranges=True, complete_length=file.size)
    except RequestedRangeNotSatisfiable:
        response.close()
        raise
    if request.method == "HEAD" or response.status_code == 304:
        response.close()  # nobody is going to read the file
    else:
        control.note_taken(task_id, Act.RESULT_FETCH, actor=actor, data=_how())
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Repr-Digest"] = f"sha-256=:{b64encode(bytes.fromhex(file.sha256)).decode()}:"
    return response


def _how() -> dict[str, JsonValue]:
    """How a file is fetched: by a link that somebody was given, or a part of it."""
    told: dict[str, JsonValue] = {"link": True} if "signature" in request.args else {}
    return {**told, "range": request.headers["Range"][:100]} if "Range" in request.headers else told


@room.operation(
    "GET",
    "/tasks/<task_id>/rejects",
    "Fetch a task's rejected rows",
    Answer(200, "All of them as CSV, or with `format=json` a page.", media_type="text/csv"),
    query=RejectsQuery,
    errors=(TaskNotFound, WrongLink),
    needs=Need.SEE,
)
def rejects(task_id: str) -> ResponseReturnValue:
    """The rows that were refused, in file order: as CSV with the original columns, `_line` and `_error`, ready to be mended and
    uploaded again (those two columns are dropped then); as JSON with line, column, value and reason."""
    asked = query(RejectsQuery)
    control = current.control()
    if request.method != "HEAD":
        control.note_taken(task_id, Act.REJECTS_FETCH, actor=current.actor(), data=_how())
    if asked.format == "json":
        rows = control.reject_rows(task_id, after=asked.after, limit=asked.limit)
        return json_of(RejectList(rejects=[RejectRow.model_validate(r) for r in rows]))
    task = control.get(task_id)
    response = Response(control.rejects(task.id), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{task.id}-rejects.csv"'
    return response


@room.operation(
    "GET",
    "/tasks/<task_id>/events",
    "Show a task's timeline",
    Answer(200, "Its events, oldest first.", Timeline),
    query=EventsQuery,
    errors=(TaskNotFound,),
    needs=Need.SEE,
)
def timeline(task_id: str) -> ResponseReturnValue:
    """What happened to the task, when, by whom and why."""
    asked = query(EventsQuery)
    return json_of(Timeline.of(current.control().events(task_id, after=asked.after, limit=asked.limit)))


@room.operation(
    "POST",
    "/tasks/<task_id>/link",
    "Make a link to a task's file",
    Answer(201, "The link.", LinkOut),
    body=LinkRequest,
    example={"to": "result", "seconds": 3600},
    errors=(TaskNotFound, NoResult, MalformedBody),
    needs=Need.SEE,
)
def link(task_id: str) -> ResponseReturnValue:
    """An address that opens the result file, or the rejected rows, for whoever has it, until it ends: to send to somebody who
    has no token. It opens nothing else, and ends with the token that it was made with."""
    asked = body(LinkRequest)
    task = current.control().get(task_id)
    if asked.to == "result":
        current.control().result(task.id)
    until: dict[str, JsonValue] = {"to": asked.to, "seconds": asked.seconds}
    current.control().note_taken(task.id, Act.LINK_CREATE, actor=current.actor(), data=until)
    url, expires = signed(current.house().gate, f"{task_url(task)}/{asked.to}", caller=current.caller(), seconds=asked.seconds)
    return json_of(LinkOut(url=url, expires_at=datetime.fromtimestamp(expires, UTC)), 201)
