"""Who is told when tasks end, and what has become of each telling."""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from waystation.access import Need
from waystation.errors import InvalidName, InvalidRequest, KindNotFound, MalformedBody, UnsafeAddress, WebhookNotFound
from waystation.tellings import Tellings
from waystation.web import current
from waystation.web.api.common import ACTOR_HEADER, has_page, json_of
from waystation.web.inputs import WebhookRequest, body
from waystation.web.operations import Answer, Room
from waystation.web.pages import webhooks as pages
from waystation.web.problems import prefers_page
from waystation.web.shapes import DeliveryList, WebhookList, WebhookOut

room = Room("webhooks", __name__)


@room.operation(
    "GET",
    "/webhooks",
    "List the webhooks",
    Answer(200, "All of them, by name.", WebhookList),
    needs=Need.ADMINISTER,
)
def webhooks() -> ResponseReturnValue:
    """Who is told when tasks end. Secrets are not told again. A browser gets a page."""
    has_page()
    return pages.listing() if prefers_page() else json_of(WebhookList.of(Tellings(current.control()).every()))


@room.operation(
    "PUT",
    "/webhooks/<name>",
    "Make or change a webhook",
    Answer(200, "The webhook; a new secret is in it this once.", WebhookOut),
    body=WebhookRequest,
    example={"url": "https://192.0.2.7/hook", "states": ["failed"]},
    headers=ACTOR_HEADER,
    errors=(InvalidName, InvalidRequest, UnsafeAddress, KindNotFound, MalformedBody),
    needs=Need.ADMINISTER,
)
def put_webhook(name: str) -> ResponseReturnValue:
    """Tell this address of each task that comes to one of these states, in a signed POST that is tried again until it is
    answered by 2xx. Private addresses are refused unless a setting allows them."""
    asked = body(WebhookRequest)
    made, secret = Tellings(current.control()).put(name, **asked.model_dump(), actor=current.actor())
    return json_of(WebhookOut.model_validate(made).model_copy(update={"secret": secret}))


@room.operation(
    "DELETE",
    "/webhooks/<name>",
    "Drop a webhook",
    Answer(204, "Nobody is told any more; what was on its way is given up.", media_type=""),
    headers=ACTOR_HEADER,
    errors=(WebhookNotFound,),
    needs=Need.ADMINISTER,
)
def drop_webhook(name: str) -> ResponseReturnValue:
    """Tell it of nothing any more."""
    Tellings(current.control()).drop(name, actor=current.actor())
    return Response(status=204)


@room.operation(
    "GET",
    "/webhooks/<name>/deliveries",
    "List what a webhook was told",
    Answer(200, "The latest hundred, newest first.", DeliveryList),
    errors=(WebhookNotFound,),
    needs=Need.ADMINISTER,
)
def deliveries(name: str) -> ResponseReturnValue:
    """Each with its state, how often it was tried, and what was answered last. A browser gets a page."""
    has_page()
    if prefers_page():
        return pages.told(name)
    return json_of(DeliveryList.of(Tellings(current.control()).deliveries(name)))
