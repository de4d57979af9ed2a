"""The commands that move data: generate, upload, download, rejects, and what there is: datasets, kinds."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from waystation.cli import completing, look
from waystation.cli.durations import DURATION
from waystation.cli.importing import asked, import_options
from waystation.cli.people import write_people
from waystation.cli.session import Session, local, remote, shared_options, state_folder
from waystation.cli.tasks import named_values, settle
from waystation.cli.watching import watch
from waystation.client import ExportOptions, Task

FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S")
SHOW_FROM = 20 * 2**20  # bytes from which sending gets a bar of its own
SUCCEEDED = frozenset({"succeeded"})


@click.command()
@click.option("--rows", type=click.IntRange(min=0), default=100_000, show_default=True, help="Number of rows.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same file.")
@click.option(
    "--out", type=click.Path(dir_okay=False), default="data.csv", show_default=True, help="The file; - is standard output."
)
@shared_options
@local
def generate(session: Session, rows: int, seed: int, out: str) -> None:
    """Make a CSV of invented people to play with; no server is needed.

    Its columns are name, age, phone, email, address and record_date (2010 to 2020). Some addresses hold commas and line breaks.
    """
    if out == "-":
        size = write_people(sys.stdout.buffer, rows, seed=seed)
    else:
        with Path(out).open("wb") as file:
            size = write_people(file, rows, seed=seed)
        if session.as_json:
            session.json({"file": out, "rows": rows, "size": size})
        session.say(f"{rows:,} rows ({size:,} bytes) in {escape(out)}")


class Sending:
    """A bar for what is sent to a server, shown from SHOW_FROM bytes on."""

    def __init__(self, console: Console) -> None:
        columns = ("sending", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bars = Progress(*columns, console=console, transient=True)

    def __enter__(self) -> Sending:
        return self

    def __call__(self, done: float, total: float | None) -> None:
        if not self._bars.tasks and (total is None or total >= SHOW_FROM):
            self._bars.add_task("", total=total)
            self._bars.start()
        if self._bars.tasks:
            self._bars.update(self._bars.task_ids[0], completed=done)

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


def _paths(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """NAME=PATH pairs of files that are there."""
    made: dict[str, Path] = {}
    for pair in values:
        name, _, path = pair.partition("=")
        if not Path(path).is_file():
            raise click.BadParameter(f"{pair!r} is not of the form NAME=PATH with a file that is there.")
        made[name] = Path(path)
    return made


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--dataset",
    default="data",
    show_default=True,
    help="The dataset that gets the rows; a new name makes a new one.",
    shell_complete=completing.datasets,
)
@click.option("--name", help="What to call the file, where it comes from standard input (-).")
@import_options
@click.option("--key", "request_key", help="Idempotency-Key: the same upload sent again with the same key is the same task.")
@click.option("--wait", is_flag=True, help="Watch the import to its end.")
@remote
def upload(
    session: Session, file: Any, dataset: str, name: str | None, request_key: str | None, wait: bool, **more: Any
) -> None:
    """Send a CSV and import it into a dataset. FILE may be - for standard input.

    Rows that do not fit are set aside; `waystation rejects TASK_ID` fetches them, to be mended and uploaded again.
    """
    options = asked(**more)
    shown = session.console.is_terminal and not session.as_json
    try:
        with Sending(session.console) if shown else nullcontext(False) as progress:
            task = session.client.upload(
                file,
                dataset=dataset,
                name=name,
                key=request_key,
                options=options,
                progress=progress,
                remember=state_folder() / "uploads",
            )
    except KeyboardInterrupt:
        click.echo("Interrupted. The same command sends a large file on from where it stands.", err=True)
        raise
    _follow(session, task, wait)


@click.command()
@click.option("--dataset", default="data", show_default=True, help="The dataset.", shell_complete=completing.datasets)
@click.option("--from", "from_", metavar="DATE", help="First day, YYYY-MM-DD; included.")
@click.option("--till", metavar="DATE", help="Last day, YYYY-MM-DD; included.")
@click.option("--by", metavar="COLUMN", help="The date column; found by its name or type if not given.")
@click.option("--columns", metavar="A,B,…", help="Columns in the order that is wanted, parted by commas or as a JSON list.")
@click.option("--filter", metavar="TEXT", help="Only rows of which this is true, such as \"age >= 18 and city = 'Bonn'\".")
@click.option("--order", metavar="COLUMN [desc]", help="Sort by a column; nulls come last [the order of the files].")
@click.option("--format", type=click.Choice(["csv", "tsv", "jsonl", "parquet", "xlsx"]), help="The form of the file [csv].")
@click.option("--compression", type=click.Choice(["gzip", "zstd"]), help="Compress the file.")
@click.option("--delimiter", metavar="SIGN", help="What parts the fields of a csv [,]; one sign, or the word tab.")
@click.option("--quoting", type=click.Choice(["minimal", "all"]), help="Which fields are quoted [minimal].")
@click.option("--null", metavar="WORD", help="The word for null [nothing at all].")
@click.option("--dates", type=click.Choice(["ymd", "dmy", "mdy"]), help="Order of day, month and year [ymd].")
@click.option("--bom", is_flag=True, help="Begin with a byte order mark, by which Excel knows UTF-8.")
@click.option("--formulas", type=click.Choice(["keep", "guard"]), help="guard: no text is run by a spreadsheet [keep].")
@click.option("--out", type=click.Path(dir_okay=False), help="Where to save it [DATASET.csv]; - is standard output.")
@click.option("--count", is_flag=True, help="Say how many rows it would have, and make nothing.")
@click.option("--no-wait", is_flag=True, help="Start the export and return; `waystation result TASK_ID` fetches the file.")
@click.option("--key", help="Idempotency-Key: the same request sent again with the same key is the same task.")
@remote
def download(
    session: Session,
    out: str | None,
    no_wait: bool,
    count: bool,
    dataset: str,
    from_: str | None,
    till: str | None,
    by: str | None,
    key: str | None,
    **more: Any,
) -> None:
    """Export the rows of a range of days, wait for it, and save the file.

    The export is a task like any other: it can be paused, resumed and stopped from another terminal while this command waits.
    """
    if count:
        _count(session, session.client.estimate(dataset=dataset, from_=from_, till=till, by=by, filter=more["filter"]))
        return
    given = {**more, "bom": more["bom"] or None}
    options: ExportOptions = {k: v for k, v in given.items() if v is not None}  # type: ignore[assignment]
    task = session.client.download(dataset=dataset, from_=from_, till=till, by=by, options=options, key=key)
    if no_wait:
        _follow(session, task, wait=False)
        return
    quiet = out == "-" and not session.as_json
    done = session.client.wait(task["task_id"]) if quiet else watch(session, [task["task_id"]])[0]
    settle([done], SUCCEEDED)
    name = str((done["result"] or {}).get("name") or "data.csv")
    _save(session, done, out or f"{dataset}{''.join(Path(name).suffixes)}")


def _count(session: Session, found: dict[str, Any]) -> None:
    if session.as_json:
        session.json(found)
    about = "" if found["exact"] else "About "
    bounds = "" if found["exact"] else f" (surely from {found['low']:,} to {found['high']:,})"
    session.say(f"{about}{found['rows']:,} rows{bounds} of the {found['of']:,} in {escape(found['dataset'])}.")


@click.command()
@click.argument("task_id", shell_complete=completing.tasks_for())
@click.option("--out", type=click.Path(dir_okay=False), help="Where to save it [its own name]; - is standard output.")
@remote
def result(session: Session, task_id: str, out: str | None) -> None:
    """Fetch the file that a task has made, and check that it came whole."""
    task = session.client.task(task_id)
    _save(session, task, out or str((task["result"] or {}).get("name") or f"{task_id}.csv"))


def _save(session: Session, task: Task, out: str) -> None:
    if out == "-":
        for block in session.client.result(task["task_id"]):
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        return
    saved = session.client.save_result(task["task_id"], out)
    if session.as_json:
        session.json({"file": str(saved.path), "size": saved.size, "sha256": saved.sha256, "task": task})
    rows = (task["result"] or {}).get("rows")
    session.say(f"{f'{rows:,} rows, ' if rows is not None else ''}{saved.size:,} bytes in {escape(str(saved.path))}")


@click.command()
@click.argument("task_id", shell_complete=completing.tasks_for())
@click.option("--out", type=click.Path(dir_okay=False), default="-", show_default=True, help="Where to save them.")
@remote
def rejects(session: Session, task_id: str, out: str) -> None:
    """Fetch the rows of an import that did not fit, as CSV with the columns _line and _error.

    Mend them and upload the same file again: the two columns are left out by themselves.
    """
    with nullcontext(sys.stdout.buffer) if out == "-" else Path(out).open("wb") as file:
        for block in session.client.rejects(task_id):
            file.write(block)
        file.flush()


@click.command()
@click.argument("task_id", shell_complete=completing.tasks_for())
@click.option("--rejects", is_flag=True, help="To the rejected rows, not to the result.")
@click.option(
    "--for", "lasting", type=DURATION, default="1h", show_default=True, help="How long it opens the file; 30d at most."
)
@remote
def link(session: Session, task_id: str, rejects: bool, lasting: float) -> None:
    """Make an address that opens a task's file for whoever has it, without a token.

    It opens nothing else, and ends at its time or with the token that it was made with. The audit tells of it.
    """
    made = session.client.link(task_id, to="rejects" if rejects else "result", seconds=lasting)
    if session.as_json:
        session.json(made)
        return
    click.echo(made["url"])
    click.echo(
        f"Until {look.when(made['expires_at'])}, whoever has it has the file.", err=True
    )  # the address alone can be piped on


def _follow(session: Session, task: Task, wait: bool) -> None:
    if not wait:
        if session.as_json:
            session.json(task)
        session.say(f"Task {task['task_id']} is {task['status']}. Watch it with: waystation watch {task['task_id']}")
        return
    done = watch(session, [task["task_id"]])
    settle(done, SUCCEEDED)
    made, refused = done[0]["result"] or {}, done[0]["rejects"]
    did = f"{made['rows']:,} rows" if isinstance(made.get("rows"), int) else "Done"
    back = f" Take it back with: waystation undo {task['task_id']}" if "undo" in done[0]["links"] else ""
    session.say(f"{did} in {look.duration(done[0])}.{back}")
    if refused:
        words = "1 row" if refused["count"] == 1 else f"{refused['count']:,} rows"
        session.say(f"{words} did not fit. See what was wrong with: waystation rejects {task['task_id']}")


@click.command()
@remote
def datasets(session: Session) -> None:
    """List the datasets, with their columns and rows."""
    found = session.client.datasets()
    if session.as_json:
        session.json({"datasets": found})
        return
    rows = (
        (
            escape(d["name"]),
            f"{d['rows']:,}",
            str(d["batches"]),
            escape(", ".join(f"{c['name']} {c['type']}" for c in d["columns"])),
        )
        for d in found
    )
    session.console.print(look.table(("DATASET", "ROWS", "BATCHES", "COLUMNS"), rows, numbers=("ROWS", "BATCHES")))


@click.command()
@remote
def kinds(session: Session) -> None:
    """List the kinds of task that the server knows."""
    found = session.client.kinds()
    if session.as_json:
        session.json({"kinds": found})
        return
    rows = ((escape(k["name"]), "yes" if k["undoable"] else "no", escape(k["summary"])) for k in found)
    session.console.print(look.table(("KIND", "UNDO", "WHAT IT DOES"), rows))


@click.command()
@click.argument("kind", shell_complete=completing.kinds)
@click.argument("params", default="{}")
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", callback=named_values, help="A parameter; may be repeated."
)
@click.option(
    "--file", "files", multiple=True, metavar="NAME=PATH", callback=_paths, help="A parameter that names a file: it is sent."
)
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher is claimed earlier; by default the kind decides.")
@click.option("--key", help="Idempotency-Key: the same request sent again with the same key is the same task.")
@click.option(
    "--at", type=click.DateTime(FORMATS), metavar="TIME", help="Begin then, by this machine's clock: 2030-01-31T03:00."
)
@click.option("--after", metavar="TASK_ID", help="Begin once this task has succeeded.", shell_complete=completing.tasks_for())
@click.option("--wait", is_flag=True, help="Watch it to its end.")
@remote
def submit(
    session: Session,
    kind: str,
    params: str,
    values: dict[str, Any],
    files: dict[str, Path],
    priority: int | None,
    key: str | None,
    at: datetime | None,
    after: str | None,
    wait: bool,
) -> None:
    """Start a task of any KIND, with its PARAMS as a JSON object, or one by one with --set and --file.

    `waystation kinds` lists the kinds; GET /kinds and the page tell what parameters each has.
    """
    try:
        given = json.loads(params)
    except ValueError as error:
        raise click.BadParameter(
            f"it is not valid JSON: {error}. Write it as '{{\"rows\": 1000}}', or use --set rows=1000.", param_hint="PARAMS"
        ) from None
    if not isinstance(given, dict):
        raise click.BadParameter("it is not a JSON object.", param_hint="PARAMS")
    given |= values
    shown = session.console.is_terminal and not session.as_json
    for name, path in files.items():
        with Sending(session.console) if shown else nullcontext(False) as progress:
            given[name] = session.client.send(path, progress=progress)
    made = session.client.submit(kind, given, priority=priority, key=key, run_at=at, after=after)
    _follow(session, made, wait)


@click.command()
@remote
def limits(session: Session) -> None:
    """List the kinds, datasets and queues that are limited or held."""
    _show_limits(session, session.client.limits())


@click.command()
@click.argument("scope", type=click.Choice(["kind", "dataset", "queue"]))
@click.argument("name")
@click.option("--running", type=click.IntRange(min=0), help="Let at most so many of its tasks run at a time.")
@click.option("--hold", is_flag=True, help="Begin none of its tasks for now; those that run go on.")
@click.option("--reason", help="Why; shown beside it.")
@remote
def limit(session: Session, scope: str, name: str, running: int | None, hold: bool, reason: str | None) -> None:
    """Limit or hold a kind, a dataset or a queue: waystation limit kind import --running 2. With neither option the limit
    is taken away."""
    _show_limits(session, session.client.limit(scope, name, running=running, held=hold, reason=reason))


def _show_limits(session: Session, found: list[dict[str, Any]]) -> None:
    if session.as_json:
        session.json({"limits": found})
        return
    if not found:
        session.console.print("Nothing is limited or held.")
        return
    rows = (
        (
            escape(f"{one['scope']} {one['name']}"),
            "held" if one["held"] else f"{one['running']} at a time",
            escape(one["set_by"]),
            escape(one["reason"] or ""),
        )
        for one in found
    )
    session.console.print(look.table(("WHAT", "LIMIT", "SET BY", "REASON"), rows))


COMMANDS: list[click.Command] = [generate, upload, download, submit, result, rejects, link, datasets, kinds, limit, limits]
