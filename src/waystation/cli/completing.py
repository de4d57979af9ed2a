"""Completion in the shell: of commands and options, and of what a server has: tasks, datasets, kinds."""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem, get_completion_class

from waystation.cli.session import Session, local, shared_options
from waystation.client import Client, Task
from waystation.errors import WaystationError
from waystation.model import Verb

PATIENCE = 1.5  # seconds that a person waits for what a key completes
SHOWN = 50  # tasks that are offered at most
PROGRAM = "waystation"
SHELLS = ("bash", "zsh", "fish")

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _client(context: click.Context) -> Client:
    """The server that the line so far names. A short timeout: nobody waits for a completion."""
    session = Session()
    for of in (context.find_root(), context):
        session.take(url=of.params.get("url"), actor=of.params.get("actor"), profile=of.params.get("profile"))
    return session.connect(timeout=PATIENCE)


def _offer(found: Callable[[Client], list[tuple[str, str]]]) -> Completer:
    """A completer of words with a remark; where no server answers, nothing is offered."""

    def complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        try:
            words = found(_client(context))
        except (WaystationError, OSError):
            return []
        return [CompletionItem(word, help=remark) for word, remark in words if word.startswith(begun)]

    return complete


def _remark(task: Task) -> str:
    of = f" {task['dataset']}" if task["dataset"] else ""
    return f"{task.kind}{of}: {task.status}"


def tasks_for(verb: Verb | None = None) -> Completer:
    """The newest tasks; with a verb, those that it is possible for."""
    return _offer(
        lambda client: [
            (task.id, _remark(task)) for task in client.tasks(limit=SHOWN) if verb is None or verb.value in task["links"]
        ]
    )


datasets = _offer(lambda client: [(str(d["name"]), f"{d['rows']:,} rows") for d in client.datasets()])
kinds = _offer(lambda client: [(str(k["name"]), str(k["summary"])) for k in client.kinds()])


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@shared_options
@local
def completion(session: Session, shell: str) -> None:
    """Print what makes a shell complete commands, options, task ids, datasets and kinds.

    \b
    bash, in ~/.bashrc:   eval "$(waystation completion bash)"
    zsh, in ~/.zshrc:     eval "$(waystation completion zsh)"
    fish, once:           waystation completion fish > ~/.config/fish/completions/waystation.fish
    """
    from waystation.cli import cli

    made = get_completion_class(shell)
    assert made is not None
    script = made(cli, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE")
    text = script.source_template % script.source_vars()
    if session.as_json:
        session.json({"shell": shell, "script": text})
    else:
        click.echo(text)


COMMANDS: list[click.Command] = [completion]
