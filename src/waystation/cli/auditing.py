"""The commands about who did what, and about what is to be forgotten of people."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click
from rich.markup import escape

from waystation.acts import Act
from waystation.cli import look
from waystation.cli.session import Session, remote

DAYS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def _filters(command: Any) -> Any:
    """The options that choose lines."""
    for option in (
        click.option("--till", type=click.DateTime(DAYS), help="Up to then, by this machine's clock; not included."),
        click.option("--since", type=click.DateTime(DAYS), help="From then on, by this machine's clock."),
        click.option("--dataset", help="What was done to tasks of this dataset."),
        click.option("--task", help="What was done to this task."),
        click.option(
            "--act", type=click.Choice([a.value for a in Act]), metavar="ACT", help="Such as task.undo, login, refused."
        ),
        click.option("--by", "who", metavar="NAME", help="What this one did."),
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """Show who did what: tasks, tokens, limits, schedules, webhooks, fetched results, logins, refusals. For admins."""


@audit.command("list")
@_filters
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many, the newest.")
@remote
def listed(session: Session, limit: int, **chosen: Any) -> None:
    """List the newest lines."""
    found = session.client.audit(_which(chosen), limit=limit)
    if session.as_json:
        session.json({"entries": found})
        return
    rows = (
        (
            look.when(e["at"]),
            escape(e["actor"]),
            e["act"],
            escape(" ".join(filter(None, (e["about"], e["dataset"])))),
            e["task"] or "",
            escape(e["reason"] or ""),
        )
        for e in found
    )
    session.console.print(look.table(("WHEN", "WHO", "ACT", "OF WHAT", "TASK", "REASON"), rows))


@audit.command("export")
@_filters
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True, help="What a line is written as."
)
@click.option("--out", type=click.File("wb", atomic=True), default="-", help="The file; without it, standard output.")
@remote
def exported(session: Session, form: str, out: Any, **chosen: Any) -> None:
    """Write all lines that fit, oldest first, as CSV or JSON Lines."""
    for block in session.client.export_audit(_which(chosen), form=form):
        out.write(block)
    if out is not sys.stdout.buffer:
        out.flush()


def _which(chosen: dict[str, Any]) -> dict[str, str]:
    values = {"actor": chosen.pop("who"), **chosen}
    return {n: v.astimezone().isoformat() if isinstance(v, datetime) else v for n, v in values.items() if v is not None}


@click.command()
@click.argument("task_id")
@click.option("--reason", help="Why; the timeline and the audit show it.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask whether to go on; a terminal is asked otherwise.")
@remote
def forget(session: Session, task_id: str, reason: str | None, yes: bool) -> None:
    """Remove what a task that has ended keeps of people, for good. For admins.

    The file that was sent, the result, the rejected rows, the file's name, secrets, and its kind's log lines. Rows that it has
    put into a dataset stay: `waystation undo` takes those back.
    """
    if not yes and not session.as_json and sys.stdin.isatty():
        click.confirm(f"Remove the upload, the result and the rejected rows of {task_id} for good?", abort=True, err=True)
    task = session.client.forget(task_id, reason=reason)
    if session.as_json:
        session.json(task)
        return
    session.say("Its upload, result, rejected rows and file name are gone; the audit tells of it.")
    if task.status == "succeeded" and task["dataset"] and task["kind"] == "import":
        session.say(
            f"Its rows stand in the dataset {escape(str(task['dataset']))}: `waystation undo {task.id}` takes them back."
        )


COMMANDS: list[click.Command] = [audit, forget]
