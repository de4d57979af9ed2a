"""What every command shares: the server it talks to, in whose name, and how it answers (words, or JSON for programs)."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape

from waystation.cli.profiles import Profile, profile
from waystation.client import Client
from waystation.errors import WaystationError
from waystation.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
WIDE = 200  # columns of a table that goes to a file or a program, where nothing may be cut


@dataclass
class Session:
    """The options that may stand before or after the command's name; the later one wins."""

    url: str | None = None
    actor: str | None = None
    profile: str | None = None
    as_json: bool = False

    def take(
        self, *, url: str | None = None, actor: str | None = None, profile: str | None = None, as_json: bool = False
    ) -> None:
        """Remember what was given."""
        self.url = url or self.url
        self.actor = actor or self.actor
        self.profile = profile or self.profile
        self.as_json = as_json or self.as_json

    @functools.cached_property
    def settings(self) -> Settings:
        """The environment. Raises WrongSetting."""
        return Settings.from_env()

    @functools.cached_property
    def client(self) -> Client:
        """The server that --url, a profile, WAYSTATION_URL or the default names, in this order."""
        return self.connect()

    def connect(self, **more: float) -> Client:
        """A client of that server, with a `timeout` of its own."""
        name = self.profile or os.environ.get("WAYSTATION_PROFILE")
        known, settings = profile(name) if name else Profile(), self.settings
        return Client(
            self.url or known.url or settings.url,
            actor=self.actor or known.actor or settings.actor,
            token=known.token or settings.token,
            **more,
        )

    @functools.cached_property
    def console(self) -> Console:
        """Standard output: colours and the terminal's width on a terminal only."""
        return console(sys.stdout)

    def json(self, value: object) -> None:
        """One JSON document on one line."""
        click.echo(json.dumps(value, ensure_ascii=False, default=dict))  # a Task is a mapping

    def say(self, text: str) -> None:
        """A line for people; programs that asked for JSON don't get it."""
        if not self.as_json:
            self.console.print(text, highlight=False, soft_wrap=True)

    def tell(self, error: WaystationError) -> None:
        """An error on standard error: a sentence and what to do, or its problem as JSON."""
        if self.as_json:
            click.echo(json.dumps(error.problem(), ensure_ascii=False, default=str), err=True)
            return
        err = console(sys.stderr)
        err.print(f"[bold red]Error:[/] {escape(error.detail)}", highlight=False, soft_wrap=True)
        err.print(f"[dim]{escape(error.hint)}[/]", highlight=False, soft_wrap=True)


def state_folder() -> Path:
    """Where the command line remembers things between two calls of a person."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "waystation"


def console(file: Any) -> Console:
    """A rich console that cuts nothing where it does not write to a terminal."""
    return Console(file=file, width=None if file.isatty() else WIDE)


def shared_options(command: F) -> F:
    """--json, on every command."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")(command)


def remote_options(command: F) -> F:
    """--url, --actor, --profile and --json, as the group and the commands that talk to a server have them."""
    command = shared_options(command)
    command = click.option("--profile", metavar="NAME", help="A server by its name in profiles.toml [WAYSTATION_PROFILE].")(
        command
    )
    command = click.option("--actor", metavar="NAME", help="In whose name [WAYSTATION_ACTOR].")(command)
    return click.option("--url", metavar="URL", help="The server [WAYSTATION_URL, http://127.0.0.1:5000].")(command)


def remote(command: Callable[..., None]) -> Callable[..., None]:
    """A command that talks to a server: it takes the shared options and gets the Session as its first argument."""
    return remote_options(local(command))


def local(command: Callable[..., None]) -> Callable[..., None]:
    """A command that gets the Session, with whatever shared options it declares already taken."""

    @functools.wraps(command)
    def run(**kwargs: Any) -> None:
        session: Session = click.get_current_context().obj
        session.take(**{name: kwargs.pop(name) for name in ("url", "actor", "profile", "as_json") if name in kwargs})
        command(session, **kwargs)

    return run
