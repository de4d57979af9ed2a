"""The commands about who may come in. They work on the database of this installation, as whoever looks after it can."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.table import Table

from waystation.access import MEANING, Role
from waystation.cli.durations import DURATION
from waystation.cli.session import Session, local, shared_options
from waystation.model import Token

if TYPE_CHECKING:
    from waystation.gate import Gate


@contextmanager
def _gate(session: Session) -> Iterator[Gate]:
    from waystation.wiring import open_house

    with open_house(session.settings) as house:
        yield house.gate


@click.group()
def token() -> None:
    """Make, list and revoke the tokens that let people and programs in.

    These commands work on the database itself (DATABASE_URL, or the private one of WAYSTATION_HOME): run them where the server
    runs. An admin elsewhere uses POST /tokens. Once the first token is made, the server answers to tokens alone.
    """


@token.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([r.value for r in Role]),
    required=True,
    help="; ".join(f"{role}: {meaning}" for role, meaning in MEANING.items()) + ".",
)
@click.option("--expires", type=DURATION, help="When it ends: 90d, 12h, 30m; without it, when it is revoked.")
@click.option("--group", "groups", multiple=True, help="For kinds and datasets that are closed to others; may be repeated.")
@shared_options
@local
def create(session: Session, name: str, role: str, expires: float | None, groups: tuple[str, ...]) -> None:
    """Make a token and show its secret, once."""
    with _gate(session) as gate:
        made, secret = gate.create(name, Role(role), groups=groups, seconds=expires, actor=_me(session))
    if session.as_json:
        session.json({"name": made.name, "role": made.role, "expires_at": _when(made.expires_at), "secret": secret})
        return
    until = f", until {_when(made.expires_at)}" if made.expires_at else ""
    click.echo(secret)
    click.echo(
        f"This is the token of {made.name}, {made.role}{until}. It is shown this once: keep it in the file that"
        " WAYSTATION_TOKEN_FILE or a profile names.",
        err=True,
    )


@token.command("list")
@shared_options
@local
def list_tokens(session: Session) -> None:
    """List the tokens, those in force first."""
    with _gate(session) as gate:
        found = gate.tokens()
    if session.as_json:
        session.json({"tokens": [_row(t) for t in found]})
    elif found:
        table = Table("name", "role", "groups", "standing", "last used", "made by", box=None, pad_edge=False)
        for t in found:
            table.add_row(t.name, t.role, " ".join(t.groups), _standing(t), _when(t.used_at), t.created_by)
        session.console.print(table)
    else:
        session.say("No tokens: whoever reaches the server on this machine may do everything.")


@token.command("revoke")
@click.argument("name")
@shared_options
@local
def revoke(session: Session, name: str) -> None:
    """Let nobody in with this token any more."""
    with _gate(session) as gate:
        gone = gate.revoke(name, actor=_me(session))
    if session.as_json:
        session.json(_row(gone))
    session.say(f"The token of {gone.name} lets nobody in any more.")


@click.command("restrict")
@click.argument("scope", type=click.Choice(["kind", "dataset"]))
@click.argument("name")
@click.option("--group", "groups", multiple=True, help="A group that it is for; may be repeated. Without any: for everybody.")
@shared_options
@local
def restrict(session: Session, scope: str, name: str, groups: tuple[str, ...]) -> None:
    """Say which groups a kind or a dataset is for.

    Its tasks, rows and results are there for tokens of one of the groups and for admins, and for nobody else.
    """
    with _gate(session) as gate:
        now = gate.restrict(scope, name, groups, actor=_me(session))
    if session.as_json:
        session.json({"restrictions": [{"scope": r.scope, "name": r.name, "groups": sorted(r.groups)} for r in now]})
    whom = f"the groups {', '.join(groups)}" if groups else "everybody"
    session.say(f"The {scope} {name} is for {whom}.")


def _me(session: Session) -> str:
    """Who works on this machine: what --actor says to a server is said here by the system."""
    if session.settings.actor != "anonymous":
        return session.settings.actor
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in containers
        return session.settings.actor


def _row(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "role": token.role,
        "groups": list(token.groups),
        "created_by": token.created_by,
        **{f: _when(getattr(token, f)) or None for f in ("created_at", "expires_at", "used_at", "revoked_at")},
    }


def _standing(token: Token) -> str:
    if token.revoked_at:
        return f"revoked {_when(token.revoked_at)} by {token.revoked_by}"
    if token.expires_at:
        word = "ended" if token.expires_at <= datetime.now(UTC) else "until"
        return f"{word} {_when(token.expires_at)}"
    return "in force"


def _when(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


COMMANDS: list[click.Command] = [token, restrict]
