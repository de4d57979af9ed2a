"""For whoever operates Waystation: is it alive, is it ready, what does it do."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from waystation.access import Need
from waystation.errors import Unavailable
from waystation.model import PARTS
from waystation.web import current
from waystation.web.api.common import json_of
from waystation.web.inputs import ReadyQuery, query
from waystation.web.operations import Answer, Room
from waystation.web.shapes import HealthOut

room = Room("probes", __name__)


@room.operation(
    "GET",
    "/healthz",
    "Is the process alive?",
    Answer(200, "It is.", HealthOut),
    needs=Need.NOTHING,
)
def healthz() -> ResponseReturnValue:
    """Answers 200 while the process lives, whatever else is missing."""
    return json_of(HealthOut(status="alive"))


@room.operation(
    "GET",
    "/readyz",
    "Can work be done?",
    Answer(200, "Every part is there.", HealthOut),
    query=ReadyQuery,
    errors=(Unavailable,),
    needs=Need.NOTHING,
)
def readyz() -> ResponseReturnValue:
    """Answers 200 when the database, the broker and a worker are there; else 503 with what is missing in `parts`.

    A load balancer asks for `parts=database`: without broker or worker this server still answers, and takes tasks in. A
    server that was asked to end answers 503 too.
    """
    if current.leaving():
        raise Unavailable("This server is about to end.", remedy="Another one serves, or will in a moment.")
    asked = query(ReadyQuery).parts
    health = current.control().health(asked.split(",") if asked else PARTS)
    if missing := health.missing:
        verb = "is" if len(missing) == 1 else "are"
        raise Unavailable(
            f"{', '.join(missing)} {verb} missing.",
            remedy=" ".join(health.parts[name] for name in missing),
            parts=health.parts,
        )
    return json_of(HealthOut(status="ready", parts=health.parts))


@room.operation(
    "GET",
    "/metrics",
    "Metrics for Prometheus",
    Answer(200, "Prometheus' text format.", media_type="text/plain"),
    needs=Need.SEE,
)
def metrics() -> ResponseReturnValue:
    """How many tasks of which kind are in which state, how fast they are, what was lost, how long they wait, and how the parts
    are: docs/metrics.md names them all. It is asked of one web process; but for that process's own numbers, each says the same.
    """
    text = current.watch().text(current.house(), current.hub().streams)
    return Response(text, content_type=CONTENT_TYPE_LATEST)
