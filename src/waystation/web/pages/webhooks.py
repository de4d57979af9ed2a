"""Who is told when tasks end, for admins: the list and what each was told, whose addresses are the API's own, and a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import Field

from waystation.access import Need
from waystation.errors import InvalidRequest, KindNotFound, WaystationError
from waystation.model import Webhook
from waystation.tellings import STATES, Tellings
from waystation.web import current
from waystation.web.api.common import has_page
from waystation.web.inputs import MAX_JSON, Input, WebhookRequest, check
from waystation.web.operations import Guarded

room = Guarded("webhook_pages", __name__)


class Act(Input):
    """What becomes of a webhook at the press of a button; `url`: where it is told from now on."""

    do: Literal["pause", "resume", "remove", "move"]
    url: str = Field("", max_length=2000)


def listing(
    typed: Mapping[str, str] | None = None,
    picked: Sequence[str] = STATES,
    error: WaystationError | None = None,
    made: tuple[Webhook, str | None] | None = None,
    moving: tuple[str, str, WaystationError] | None = None,
) -> str:
    """All webhooks, each with what became of its latest delivery.

    `made`: a new one, whose secret is shown this once. `moving`: the name of one whose new address is wrong, and why.
    """
    control = current.control()
    tellings = Tellings(control)
    return render_template(
        "webhooks.html",
        webhooks=[(webhook, next(iter(tellings.deliveries(webhook.name, 1)), None)) for webhook in tellings.every()],
        kinds=[k.name for k in control.kinds()],
        states=STATES,
        typed=typed or {},
        picked=picked,
        error=error,
        made=made,
        moving=moving,
    )


def told(name: str) -> str:
    """What one was told, the latest first."""
    tellings = Tellings(current.control())
    return render_template("webhook.html", webhook=tellings.get(name), deliveries=tellings.deliveries(name))


@room.post("/webhooks", needs=Need.ADMINISTER)
def make() -> ResponseReturnValue:
    """Make a webhook of what was typed; the form comes back with what is wrong in it."""
    has_page()
    request.max_content_length = MAX_JSON
    typed, picked = request.form.to_dict(), request.form.getlist("states")
    values = {n: typed[n].strip() for n in ("url", "kind", "secret") if typed.get(n, "").strip()}
    tellings, called = Tellings(current.control()), typed.get("name", "").strip()
    try:
        asked = check(WebhookRequest, {"url": "", **values, "states": picked})
        if any(webhook.name == called for webhook in tellings.every()):
            raise InvalidRequest(
                f"There is a webhook named {called!r} already.", remedy="Take another name, or remove that one."
            )
        made = tellings.put(called, **asked.model_dump(), actor=current.actor())
    except (InvalidRequest, KindNotFound) as error:
        return make_response(listing(typed, picked, error), error.status)
    return listing(made=made)


@room.post("/webhooks/<name>", needs=Need.ADMINISTER)
def act(name: str) -> ResponseReturnValue:
    """Tell it of nothing for now, go on, tell it elsewhere, or drop it."""
    has_page()
    asked, tellings = check(Act, request.form.to_dict()), Tellings(current.control())
    if asked.do == "remove":
        tellings.drop(name, actor=current.actor())
    elif asked.do == "move":
        try:
            tellings.move(name, asked.url.strip(), actor=current.actor())
        except InvalidRequest as error:
            return make_response(listing(moving=(name, asked.url, error)), error.status)
    else:
        tellings.hold(name, asked.do == "pause", actor=current.actor())
    return redirect("/webhooks", 303)
