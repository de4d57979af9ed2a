"""The commands that look at tasks and ask something of them."""

from __future__ import annotations

import json
import sys

import click

from waystation.cli import completing, look
from waystation.cli.session import Session, remote
from waystation.cli.watching import unfinished
from waystation.cli.watching import watch as watch_tasks
from waystation.client import Filter, Task
from waystation.client.task import LEADS
from waystation.errors import InvalidRequest, WaystationError
from waystation.model import JsonValue, State, Verb
from waystation.states import STATUSES

TEXTS: dict[Verb, str] = {
    Verb.PAUSE: """Let tasks stand still; a paused task holds no worker.

    A running task obeys at its next step, within a moment, and keeps its place; a waiting one is paused at once.""",
    Verb.RESUME: """Let paused tasks go on from the same place.

    It also takes back a pause that was asked and not met yet.""",
    Verb.STOP: """End tasks and take back what they did.

    A stopped import leaves no rows, a stopped export no file. A task that has succeeded is taken back by `undo`.""",
    Verb.TERMINATE: """Kill tasks now, without waiting for their next step.

    What Waystation itself had staged is dropped; what the kind's own code did elsewhere is listed, not taken back.""",
    Verb.RETRY: """Let failed tasks go on from where they failed.

    --set changes a parameter that the kind allows to be changed, such as --set max_errors=500 of an import.""",
    Verb.UNDO: """Take back tasks that have succeeded.

    The rows that an import published are gone for every reader in one moment.""",
}


DESTROY = frozenset({Verb.STOP, Verb.TERMINATE, Verb.UNDO})  # verbs that take work back


def settle(tasks: list[Task], wanted: frozenset[str]) -> None:
    """Raise unless every task ended as wanted: what made it fail, or EndedOtherwise."""
    for task in tasks:
        task.check(wanted)


@click.command("tasks")
@click.option("--state", type=click.Choice([s.value for s in State]), help="Only tasks in this state.")
@click.option("--status", type=click.Choice(STATUSES), help="Only tasks of this status (pausing, undoing …).", metavar="WORD")
@click.option("--kind", help="Only tasks of this kind.", shell_complete=completing.kinds)
@click.option("--dataset", help="Only tasks on this dataset.", shell_complete=completing.datasets)
@click.option("--by", "created_by", help="Only tasks that this person submitted.")
@click.option("--search", metavar="TEXT", help="Only tasks with this in their name, kind, dataset, person or id.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="So many at most.")
@remote
def tasks(session: Session, limit: int, **which: str | None) -> None:
    """List the tasks, newest first."""
    chosen: Filter = {k: v for k, v in which.items() if v is not None}  # type: ignore[assignment]
    found = list(session.client.tasks(chosen, limit=limit))
    if session.as_json:
        session.json({"tasks": found})
    elif found:
        session.console.print(look.tasks(found, session.console.width))
    else:
        session.say("No tasks. Start one with: waystation upload FILE")


@click.command()
@click.argument("task_id", shell_complete=completing.tasks_for())
@remote
def show(session: Session, task_id: str) -> None:
    """Show all about one task, with its timeline and what can be done with it now."""
    task = session.client.task(task_id)
    if session.as_json:
        session.json(task)
    else:
        look.sheet(session.console, task, session.client.events(task_id))


@click.command()
@click.argument("task_ids", nargs=-1, metavar="[TASK_ID…]", shell_complete=completing.tasks_for())
@click.option("--follow", "-f", is_flag=True, help="Show tasks that come later too, until Ctrl-C.")
@remote
def watch(session: Session, task_ids: tuple[str, ...], follow: bool) -> None:
    """Show tasks' progress until all have ended; without ids, every task that has not ended yet.

    On a terminal these are bars, drawn in place; elsewhere lines; with --json each change is one line of JSON. Ctrl-C ends the
    watching, never a task. The exit code is 7 if one failed.
    """
    ids = task_ids or tuple(unfinished(session))
    if not ids and not follow:
        session.say("No task is waiting or running.")
        return
    try:
        ended = watch_tasks(session, ids, follow=follow)
    except KeyboardInterrupt:
        if follow:
            return
        raise
    settle([t for t in ended if t["state"] == "failed"], frozenset({"succeeded"}))


@click.command()
@click.argument("task_id", shell_complete=completing.tasks_for())
@remote
def events(session: Session, task_id: str) -> None:
    """Show a task's timeline: what happened, by whom and why."""
    found = session.client.events(task_id)
    if session.as_json:
        session.json({"events": list(found)})
    else:
        session.console.print(look.timeline(found))


def named_values(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, JsonValue]:
    """NAME=VALUE pairs; a value that is JSON is taken as such (500 is a number), any other as text."""
    made: dict[str, JsonValue] = {}
    for pair in values:
        name, found, value = pair.partition("=")
        if not found:
            raise click.BadParameter(f"{pair!r} is not of the form NAME=VALUE.")
        try:
            made[name] = json.loads(value)
        except ValueError:
            made[name] = value
    return made


def _confirm(session: Session, verb: Verb, task_ids: tuple[str, ...]) -> None:
    """Say what will be lost and ask whether to go on: of a person at a terminal, never of a program."""
    lost = []
    for id in task_ids:
        found = session.client.consequence(verb, id)
        if found["possible"] and found["takes_back"]:
            lost.append(f"{id}: {' '.join(found['sentences'])}")
    if lost:
        click.echo("\n".join(lost), err=True)
        click.confirm(f"{verb.value.capitalize()} {'it' if len(task_ids) == 1 else 'them'}?", abort=True, err=True)


def _verb_command(verb: Verb) -> click.Command:
    def run(
        session: Session,
        task_ids: tuple[str, ...],
        reason: str | None,
        wait: bool,
        yes: bool = False,
        **more: dict[str, JsonValue],
    ) -> None:
        if verb in DESTROY and not yes and not session.as_json and sys.stdin.isatty():
            _confirm(session, verb, task_ids)
        asked: list[str] = []
        first: WaystationError | None = None
        for id in task_ids:
            try:
                task = session.client.act(verb, id, reason=reason, params=more.get("params") or None)
            except InvalidRequest:
                raise
            except WaystationError as error:
                if len(task_ids) > 1:
                    session.say(f"{id}: ")
                    session.tell(error)
                first = first or error
                continue
            asked.append(id)
            if session.as_json and not wait:
                session.json(task)
            else:
                session.say(look.line(task))
        if wait and asked:
            wanted = LEADS.get(verb, frozenset({"succeeded"}))
            settle(watch_tasks(session, asked, until=lambda t: t["status"] in wanted), wanted)
        if first is not None:
            if len(task_ids) == 1:
                raise first
            click.get_current_context().exit(first.exit_code)

    command = remote(run)
    if verb is Verb.RETRY:
        option = click.option(
            "--set", "params", multiple=True, metavar="NAME=VALUE", callback=named_values, help="Change a parameter."
        )
        command = option(command)
    if verb in DESTROY:
        command = click.option("--yes", "-y", is_flag=True, help="Do not ask whether to go on; a terminal is asked otherwise.")(
            command
        )
    command = click.option("--wait", is_flag=True, help="Return when it is done, not when it is asked.")(command)
    command = click.option("--reason", help="Why; the timeline shows it.")(command)
    command = click.argument(
        "task_ids", nargs=-1, required=True, metavar="TASK_ID…", shell_complete=completing.tasks_for(verb)
    )(command)
    return click.command(verb.value, help=TEXTS[verb])(command)


COMMANDS: list[click.Command] = [tasks, show, watch, events, *(_verb_command(verb) for verb in Verb)]
