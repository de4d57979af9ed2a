"""The commands for what is started again and again."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from waystation.cli import completing, look
from waystation.cli.session import Session, remote
from waystation.cli.tasks import named_values


@click.command()
@remote
def schedules(session: Session) -> None:
    """List what is started again and again, and when next."""
    _show(session, session.client.schedules())


@click.command()
@click.argument("name")
@click.argument("kind", required=False, shell_complete=completing.kinds)
@click.argument("cron", required=False)
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", callback=named_values, help="A parameter; may be repeated."
)
@click.option("--zone", default="UTC", show_default=True, help="The time zone that the times are in, such as Europe/Berlin.")
@click.option(
    "--missed",
    type=click.Choice(["one", "skip", "all"]),
    default="one",
    show_default=True,
    help="Times that no worker was there for: a task for the latest, none, or one for each.",
)
@click.option("--overlap", is_flag=True, help="Start a task although the one before it has not ended.")
@click.option("--hold", is_flag=True, help="Start nothing for now.")
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher is claimed earlier; by default the kind decides.")
@click.option("--drop", is_flag=True, help="Start nothing any more; tasks that it has started go on.")
@remote
def schedule(
    session: Session,
    name: str,
    kind: str | None,
    cron: str | None,
    values: dict[str, Any],
    zone: str,
    missed: str,
    overlap: bool,
    hold: bool,
    priority: int | None,
    drop: bool,
) -> None:
    """Start a task of a KIND at the times that CRON names (minute, hour, day, month, day of the week), under a NAME."""
    if drop:
        session.client.unschedule(name)
        session.say(f"{name} is dropped.")
        return
    if kind is None or cron is None:
        raise click.UsageError("Name a kind and its times: waystation schedule NAME KIND '0 3 * * *'; or --drop.")
    more = {"zone": zone, "missed": missed, "overlap": overlap, "held": hold, "priority": priority}
    _show(session, [session.client.schedule(name, kind, values, cron=cron, **more)])


def _show(session: Session, found: list[dict[str, Any]]) -> None:
    if session.as_json:
        session.json({"schedules": found})
        return
    if not found:
        session.console.print("Nothing is scheduled.")
        return
    rows = (
        (
            escape(s["name"]),
            escape(s["kind"]),
            escape(f"{s['cron']} {s['zone']}"),
            "held" if s["held"] else s["next_at"][:16].replace("T", " ") + " UTC",
            escape(s["note"] or s["last_task"] or ""),
        )
        for s in found
    )
    session.console.print(look.table(("NAME", "KIND", "TIMES", "NEXT", "LAST"), rows))


COMMANDS: list[click.Command] = [schedule, schedules]
