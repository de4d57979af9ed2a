"""The commands that serve: up, web, worker, migrate, doctor, demo."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from rich.markup import escape

from waystation.cli.session import Session, local, shared_options
from waystation.errors import DatabaseUnavailable, NotFound, PortTaken
from waystation.settings import Settings
from waystation.ties import tie_to

T = TypeVar("T")
HINTS = """
Try, in another terminal (with {activate}):

  waystation generate --out people.csv        a CSV of invented people
  waystation upload people.csv --wait         import it into the dataset `data`
  waystation tasks                            what there is; and pause, resume, stop, undo TASK_ID
  waystation download --from 2015-01-01 --till 2015-12-31 --out 2015.csv

or open {url} in a browser. The API describes itself at {url}/docs. Ctrl-C ends everything.
"""


def _free(settings: Settings) -> None:
    """Raise PortTaken where nobody else can listen any more."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise PortTaken(f"Port {settings.port} of {settings.host} can't be had: {error.strerror}.") from error


@click.command()
@click.option("--home", type=click.Path(file_okay=False), help="State folder [WAYSTATION_HOME, files/].")
@click.option("--host", help="Address to listen at [WAYSTATION_HOST, 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 takes a free one [WAYSTATION_PORT, 5000].")
@click.option("--insecure", is_flag=True, help="Ask for no token, wherever the server listens [WAYSTATION_INSECURE].")
@click.option("--hints", is_flag=True, help="Say what to try, once it is ready.")
@shared_options
@local
def up(session: Session, home: str | None, host: str | None, port: int | None, insecure: bool, hints: bool) -> None:
    """Serve: the web server and a worker, with a private PostgreSQL and Valkey where none is named.

    One line says when all is ready. Ctrl-C or SIGTERM ends everything: running tasks finish their step, keep their place and
    go on at the next start.
    """
    from waystation import logs
    from waystation.cli.crew import Crew

    settings = Settings.from_env(home=home, host=host, port=port, insecure=insecure or None)
    logs.set_up(settings.log)
    _free(settings)

    def ready(url: str) -> None:
        if session.as_json:
            session.json({"ready": True, "url": url, "home": str(settings.home), "pid": os.getpid()})
        session.say(f"Waystation is ready at {url} (state in {settings.home}; Ctrl-C ends it).")
        if hints:
            session.say(HINTS.format(url=url, activate="PATH=$PWD/.venv/bin:$PATH"))

    click.get_current_context().exit(Crew(settings).run(ready))


@click.command()
@click.option("--host", help="Address to listen at [WAYSTATION_HOST, 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at; 0 takes a free one [WAYSTATION_PORT, 5000].")
@click.option("--insecure", is_flag=True, help="Ask for no token, wherever the server listens [WAYSTATION_INSECURE].")
@click.option("--child-of", "parent", type=int, hidden=True, help="End when this process ends.")
@click.option("--announce", type=int, hidden=True, help="A file descriptor to write the address to.")
@shared_options
@local
def web(session: Session, host: str | None, port: int | None, insecure: bool, parent: int | None, announce: int | None) -> None:
    """Serve the API and the page, without a worker."""
    from waystation import logs
    from waystation.web.serve import serve

    if parent is not None:
        tie_to(parent)
    settings = Settings.from_env(host=host, port=port, insecure=insecure or None)
    logs.set_up(settings.log)
    _free(settings)

    def ready(at: str, number: int) -> None:
        url = f"http://{f'[{at}]' if ':' in at else at}:{number}"
        if announce is not None:
            with contextlib.suppress(BrokenPipeError), os.fdopen(announce, "w") as told:
                told.write(url)
            return
        if session.as_json:
            session.json({"ready": True, "url": url})
        session.say(f"Waystation's web server is ready at {url}")

    serve(settings, ready)


@click.command()
@click.option("--drain", is_flag=True, help="Ask the worker of this home to end, and return at once.")
@click.option("--child-of", "parent", type=int, hidden=True, help="End when this process ends.")
@shared_options
@local
def worker(session: Session, drain: bool, parent: int | None) -> None:
    """Run tasks, WAYSTATION_SLOTS of them at a time, until SIGTERM or Ctrl-C.

    Asked to end, it lets running tasks finish their step; they keep their place and go on with the next worker.
    """
    settings = session.settings
    if drain:
        pid = _drain(settings.home)
        if session.as_json:
            session.json({"draining": pid})
        session.say(f"The worker (process {pid}) finishes its steps and ends.")
        return
    from waystation import logs
    from waystation.wiring import run_worker

    if parent is not None:
        tie_to(parent)
    logs.set_up(settings.log)

    def ready() -> None:
        if parent is None:
            if session.as_json:
                session.json({"ready": True, "pid": os.getpid()})
            session.say(f"The worker is ready: {settings.slots} tasks at a time (state in {settings.home}).")

    click.get_current_context().exit(run_worker(settings, ready))


def _drain(home: Path) -> int:
    """Send SIGTERM to the worker of this home; its process id. Raises NotFound where none runs."""
    nobody = NotFound(
        f"No worker runs for {home}.", remedy="WAYSTATION_HOME names the state folder of the worker that is meant."
    )
    try:
        pid = int((home / "run" / "worker.pid").read_text())
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ValueError, ProcessLookupError) as error:
        raise nobody from error
    return pid


@click.command()
@click.option("--wait", type=click.FloatRange(min=0), default=0.0, help="Seconds to wait for the database to answer.")
@shared_options
@local
def migrate(session: Session, wait: float) -> None:
    """Bring the database up to date.

    `up`, `web` and `worker` do it by themselves; this is for a step of its own in a deploy.
    """
    from waystation.storage.migrate import migrate as apply
    from waystation.wiring import open_house

    with open_house(session.settings, migrating=False) as house:
        applied = _patiently(lambda: apply(house.database), wait)
    if session.as_json:
        session.json({"applied": applied})
    session.say("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")


@click.command()
@shared_options
@local
def doctor(session: Session) -> None:
    """Look at everything Waystation needs here, and say what to mend.

    Database, schema, clock, broker, storage, versions and settings, each in a sentence. Nothing is changed. Where no database
    or broker is named, the private ones are looked at. The exit code is 1 if something is wrong.
    """
    from waystation.doctor import examine
    from waystation.wiring import addressed

    marks = {"well": "[green]well[/]", "doubtful": "[yellow]doubtful[/]", "wrong": "[bold red]wrong[/]"}
    with addressed(session.settings) as settings:
        found = list(examine(settings))
    ill = any(finding.level == "wrong" for finding in found)
    if session.as_json:
        session.json({"well": not ill, "findings": [dataclasses.asdict(finding) for finding in found]})
    for finding in found:
        remedy = f" {finding.remedy}" if finding.remedy else ""
        session.say(f"{marks[finding.level]}  {finding.about}: {escape(finding.said + remedy)}")
    click.get_current_context().exit(1 if ill else 0)


def _patiently(ask: Callable[[], T], patience: float) -> T:
    """What it answers, asked anew each second while the database does not. Raises DatabaseUnavailable after `patience` s."""
    until, told = time.monotonic() + patience, False
    while True:
        try:
            return ask()
        except DatabaseUnavailable as error:
            if time.monotonic() >= until:
                raise
            if not told:
                click.echo(f"{error.detail} Waiting for it, {patience:g} s at most.", err=True)
                told = True
        time.sleep(1)


@click.command()
@click.option("--rows", type=click.IntRange(min=100_000), default=500_000, show_default=True, help="Rows to play with.")
@shared_options
@local
def demo(session: Session, rows: int) -> None:
    """Show the main job from end to end on private servers: import, pause, resume, export, stop and undo.

    It works in a temporary folder, checks each step (by asking the database too) and leaves nothing behind. The exit code is 1
    if a check fails.
    """
    from waystation.cli.demo import Demo

    click.get_current_context().exit(Demo(session, rows).run())


COMMANDS: list[click.Command] = [up, web, worker, migrate, doctor, demo]
