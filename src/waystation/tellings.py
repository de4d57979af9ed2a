"""Webhooks, as people ask for them: who is told when tasks end. What is on its way is delivered by `courier`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from waystation import states
from waystation.access import Need
from waystation.acts import Act
from waystation.control import Control
from waystation.errors import InvalidRequest, WebhookNotFound
from waystation.model import Delivery, JsonValue, Webhook
from waystation.names import check_name
from waystation.outward import judge
from waystation.storage import audit, webhooks

STATES = tuple(state.value for state in sorted(states.FINAL))
LEAST_SECRET = 16  # characters


@dataclass(frozen=True, slots=True)
class Tellings:
    """The webhooks. They hear of every task, whoever it is for, so they are an admin's."""

    control: Control

    def every(self) -> list[Webhook]:
        """All webhooks by name; their secrets are never told again."""
        self.control.caller.require(Need.ADMINISTER)
        with self.control.database.transaction() as connection:
            return webhooks.every_webhook(connection)

    def get(self, name: str) -> Webhook:
        """One; WebhookNotFound without one."""
        found = next((webhook for webhook in self.every() if webhook.name == name), None)
        if found is None:
            raise WebhookNotFound(f"There is no webhook named {name[:60]!r}.")
        return found

    def put(
        self,
        name: str,
        url: str,
        *,
        actor: str,
        kind: str | None = None,
        states: Sequence[str] = STATES,
        secret: str | None = None,
        held: bool = False,
    ) -> tuple[Webhook, str | None]:
        """Make a webhook, or change the one of this name. A new one without a secret gets one, which is told this once.

        Raises InvalidName, InvalidRequest, KindNotFound, NotAllowed, and UnsafeAddress for a URL that may not be called.
        """
        self.control.caller.require(Need.ADMINISTER)
        check_name(name, "a webhook")
        if not states or set(states) - set(STATES):
            raise InvalidRequest(f"`states` are some of {', '.join(STATES)}.")
        if secret is not None and len(secret) < LEAST_SECRET:
            raise InvalidRequest(f"`secret` must have at least {LEAST_SECRET} characters.", remedy="Leave it out to get one.")
        if kind is not None:
            self.control.registry.get(kind)
        judge(url, self.control.settings.webhook_networks)
        with self.control.database.transaction() as connection:
            webhooks.hurry(connection, name, url)
            told: dict[str, JsonValue] = {"host": urlsplit(url).netloc.rpartition("@")[2], "states": list(states), "held": held}
            audit.note(connection, actor, Act.WEBHOOK_PUT, about=name, data=told)
            return webhooks.put(
                connection,
                name=name,
                url=url,
                secret=secret,
                fresh=secrets.token_urlsafe(32),
                kind=kind,
                states=states,
                held=held,
                created_by=actor,
            )

    def hold(self, name: str, held: bool, *, actor: str) -> Webhook:
        """Tell it of nothing for now, or go on. Raises WebhookNotFound, and UnsafeAddress as `put` does."""
        there = self.get(name)
        return self.put(name, there.url, kind=there.kind, states=there.states, held=held, actor=actor)[0]

    def move(self, name: str, url: str, *, actor: str) -> Webhook:
        """Tell it elsewhere; what waits goes there at once. Raises WebhookNotFound, and UnsafeAddress as `put` does."""
        there = self.get(name)
        return self.put(name, url, kind=there.kind, states=there.states, held=there.held, actor=actor)[0]

    def drop(self, name: str, *, actor: str) -> None:
        """Nobody is told any more; what was on its way is given up. Raises WebhookNotFound."""
        self.get(name)
        with self.control.database.transaction() as connection:
            webhooks.delete(connection, name)
            audit.note(connection, actor, Act.WEBHOOK_DROP, about=name)

    def deliveries(self, name: str, limit: int = 100) -> list[Delivery]:
        """The latest deliveries of one, newest first. Raises WebhookNotFound."""
        self.get(name)
        with self.control.database.transaction() as connection:
            return webhooks.deliveries(connection, name, limit)
