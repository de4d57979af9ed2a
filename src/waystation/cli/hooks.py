"""The commands for webhooks: who is told when tasks end."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from waystation.cli import completing, look
from waystation.cli.session import Session, remote


@click.command()
@remote
def webhooks(session: Session) -> None:
    """List who is told when tasks end."""
    found: list[dict[str, Any]] = session.client.webhooks()
    if session.as_json:
        session.json({"webhooks": found})
        return
    if not found:
        session.console.print("Nobody is told when tasks end.")
        return
    rows = ((escape(w["name"]), escape(w["url"]), "held" if w["held"] else escape(_what(w))) for w in found)
    session.console.print(look.table(("NAME", "URL", "OF WHAT"), rows))


@click.command()
@click.argument("name")
@click.argument("address", required=False, metavar="[URL]")
@click.option("--kind", help="Of tasks of this kind only.", shell_complete=completing.kinds)
@click.option("--state", "states", multiple=True, help="Of tasks that come to this final state; may be repeated.")
@click.option("--hold", is_flag=True, help="Tell of nothing for now.")
@click.option("--drop", is_flag=True, help="Tell it of nothing any more.")
@click.option("--told", is_flag=True, help="List what it was told, and how that went.")
@remote
def webhook(
    session: Session,
    name: str,
    address: str | None,
    kind: str | None,
    states: tuple[str, ...],
    hold: bool,
    drop: bool,
    told: bool,
) -> None:
    """Tell a URL of each task that ends, in a signed POST. The secret of a new one is printed once.

    The name of one that there is changes it: its URL, and of its kind and states what is said; a held one goes on.
    """
    if drop:
        session.client.unhook(name)
        session.say(f"{name} is dropped.")
    elif told:
        _deliveries(session, session.client.deliveries(name))
    elif address is None:
        raise click.UsageError("Name a URL: waystation webhook NAME https://…; or --drop, or --told.")
    else:
        there: dict[str, Any] = next((w for w in session.client.webhooks() if w["name"] == name), {})
        of: dict[str, Any] = {"kind": kind or there.get("kind"), "states": list(states) or there.get("states")}
        said = {option: value for option, value in of.items() if value is not None}
        made: dict[str, Any] = session.client.webhook(name, address, held=hold, **said)
        if session.as_json:
            session.json(made)
            return
        session.say(f"{name} is told of {_what(made)}.")
        if made["secret"]:
            session.say(f"Its secret, told this once: {made['secret']}")


def _what(hook: dict[str, Any]) -> str:
    return f"{', '.join(hook['states'])}" + (f" of {hook['kind']}" if hook["kind"] else "")


def _deliveries(session: Session, found: list[dict[str, Any]]) -> None:
    if session.as_json:
        session.json({"deliveries": found})
        return
    rows = (
        (
            str(d["id"]),
            escape(d["task"]),
            escape(str(d["body"]["event"])),
            d["state"],
            str(d["tries"]),
            escape(d["error"] or ""),
        )
        for d in found
    )
    session.console.print(look.table(("DELIVERY", "TASK", "EVENT", "STATE", "TRIES", "WHAT WAS WRONG"), rows))


COMMANDS: list[click.Command] = [webhook, webhooks]
