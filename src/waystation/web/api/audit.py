"""Who did what: the audit, for admins, as pages and as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.audit import Audit
from waystation.web import current
from waystation.web.api.common import has_page, json_of
from waystation.web.inputs import AuditQuery, query
from waystation.web.operations import Answer, Room
from waystation.web.pages import audit as pages
from waystation.web.problems import prefers_page
from waystation.web.shapes import AuditPage

room = Room("audit", __name__)
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}


@room.operation(
    "GET",
    "/audit",
    "Who did what, and when?",
    Answer(200, "A page of the audit.", AuditPage),
    Answer(200, "All of it that fits, with `format=csv`.", media_type="text/csv"),
    Answer(200, "All of it that fits, with `format=jsonl`.", media_type="application/x-ndjson"),
    query=AuditQuery,
    needs=Need.ADMINISTER,
)
def audit() -> ResponseReturnValue:
    """Who asked for what of which task, who changed limits, schedules, webhooks, tokens and groups, who fetched results, who
    came in, and who was refused. Lines are only ever added, each with what it tells of or not at all. A browser gets a page."""
    has_page()
    asked = query(AuditQuery)
    found = Audit(current.control())
    if asked.format != "json":
        blocks = found.export(asked.which(), asked.format, actor=current.actor())
        response = Response(blocks, mimetype=MEDIA_TYPES[asked.format])
        response.headers["Content-Disposition"] = f'attachment; filename="audit.{asked.format}"'
        return response
    entries, cursor = found.page(asked.which(), limit=asked.limit, cursor=asked.cursor)
    kept = asked.model_dump(mode="json", exclude_unset=True, exclude={"cursor", "format"}, exclude_none=True)
    following = f"/audit?{urlencode({**kept, 'cursor': cursor})}" if cursor else None
    return pages.listing(entries, kept, following) if prefers_page() else json_of(AuditPage.of(entries, following))
