"""How tasks look on a terminal: one table, one sheet, one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from waystation.client import EventJson, ProgressJson, Task

ID_WIDTH = 36
SHOWN_REASONS = 12  # sorts of rejected rows on the sheet of a task
WIDE_ENOUGH = 100  # columns of a terminal from which on the list says who submitted
ROOM_FOR_NAMES = 140  # and what people call it
COLOURS = {
    "queued": "dim",
    "running": "cyan",
    "paused": "yellow",
    "pausing": "yellow",
    "reverting": "magenta",
    "stopping": "magenta",
    "terminating": "magenta",
    "undoing": "magenta",
    "succeeded": "green",
    "failed": "bold red",
}


def status(word: str) -> str:
    """A status in its colour."""
    colour = COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else word


def amount(progress: ProgressJson) -> str:
    """How far, in words: "30 % of 1,000 rows", or "300 rows" while the total is unknown."""
    if progress["total"] is None:
        return units(progress["done"], progress["unit"]) if progress["done"] else ""
    return f"{progress['percent'] or 0:.0f} % of {units(progress['total'], progress['unit'])}"


def units(number: float, unit: str) -> str:
    """A number of units: "1,000 rows", "29.9 MB"."""
    return decimal(int(number)) if unit == "bytes" else f"{number:,.0f} {unit}"


def share(progress: ProgressJson) -> str:
    """How far, as short as can be."""
    return amount(progress) if progress["percent"] is None else f"{progress['percent']:.0f} %"


def when(text: str | None) -> str:
    """A time of the API in the reader's own time zone; of today's, the hours are enough."""
    if not text:
        return ""
    at = datetime.fromisoformat(text).astimezone()
    return at.strftime("%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S")


def duration(task: Task) -> str:
    """Seconds from the task's start to its end, or to now."""
    if not task["started_at"]:
        return ""
    end = datetime.fromisoformat(task["ended_at"]) if task["ended_at"] else datetime.now(UTC)
    return f"{max(0.0, (end - datetime.fromisoformat(task['started_at'])).total_seconds()):.1f} s"


def span(seconds: float) -> str:
    """A time that is still to come, no finer than it can be known: "8 s", "2 min 5 s", "12 min", "3 h 12 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole < 600 else "")
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def pace(task: Task) -> str:
    """How fast it is and how long it will take; of one that has ended, how long it took; else its phase."""
    progress = task.progress
    if task.complete:
        return duration(task)
    if task["state"] not in ("running", "reverting") or not progress["rate"]:
        return escape(progress["phase"] or "")
    left = f", {span(progress['eta'])} left" if progress["eta"] is not None else ""
    return f"{units(progress['rate'], progress['unit'])}/s{left}"


def left(task: Task) -> str:
    """How long it will take, alone; of one that has ended, how long it took."""
    if task.complete:
        return duration(task)
    eta = task.progress["eta"]
    return f"{span(eta)} left" if task["state"] in ("running", "reverting") and eta is not None else ""


def line(task: Task) -> str:
    """One task on one line, without colours."""
    of = f" {task['dataset']}" if task["dataset"] else ""
    return f"{task['task_id']} {task['kind']}{of}: {task['status']} {amount(task['progress'])}".rstrip()


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()) -> Table:
    """A plain table; the columns named in `numbers` stand to the right. Where room is short, text is broken and never cut."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        width = ID_WIDTH if title == "TASK" else None  # ids are there to be copied
        made.add_column(title, justify="right" if title in numbers else "left", overflow="fold", min_width=width)
    for row in rows:
        made.add_row(*row)
    return made


def tasks(found: Iterable[Task], width: int) -> Table:
    """The list of tasks, for a console of that width."""
    titles = ("TASK", "KIND", "DATASET", "STATUS", "DONE", "CREATED", "BY", "NAME")
    rows = (
        (
            t["task_id"],
            escape(t["kind"]),
            escape(t["dataset"] or ""),
            status(t["status"]),
            share(t["progress"]),
            when(t["created_at"]),
            escape(t["created_by"]),
            escape(t["label"] or ""),
        )
        for t in found
    )
    shown = len(titles) if width >= ROOM_FOR_NAMES else len(titles) - 1 if width >= WIDE_ENOUGH else len(titles) - 2
    return table(titles[:shown], (row[:shown] for row in rows), numbers=("DONE",))


def sheet(console: Console, task: Task, events: Iterable[EventJson]) -> None:
    """All about one task, with its timeline."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    facts = {
        "task": task["task_id"],
        "kind": escape(task["kind"]),
        "name": escape(task["label"] or ""),
        "dataset": escape(task["dataset"] or ""),
        "status": status(task["status"]),
        "progress": amount(task["progress"]),
        "phase": escape(task["progress"]["phase"] or ""),
        "attempt": str(task["attempt"]),
        "by": escape(task["created_by"]),
        "created": when(task["created_at"]),
        "ran": duration(task),
        "params": _words(task["params"]),
        "counts": _words(task["counts"]),
        "result": _words(task["result"] or {}),
        "rejects": _rejects(task),
        "possible": ", ".join(task["links"]),
    }
    if task["error"]:
        facts["error"] = f"[red]{escape(str(task['error'].get('detail')))}[/]"
        facts["remedy"] = escape(str(task["error"].get("remedy") or ""))
    for name, text in facts.items():
        if text:
            grid.add_row(name, text)
    console.print(grid)
    console.print()
    console.print(timeline(events))


def timeline(events: Iterable[EventJson]) -> Table:
    """What happened to a task, by whom and why."""
    return table(
        ("WHEN", "WHAT", "BY", "ATTEMPT", "WHY"),
        (
            (when(e["at"]), escape(e["event"]), escape(e["actor"]), str(e["attempt"] or ""), escape(e["reason"] or ""))
            for e in events
        ),
        numbers=("ATTEMPT",),
    )


def _rejects(task: Task) -> str:
    """How many rows were refused, and for which reasons."""
    found = task["rejects"]
    if not found:
        return ""
    reasons = [
        f"{r['rows']:,} {escape(': '.join(text for text in (r['column'], r['reason']) if text))}"
        for r in found["reasons"][:SHOWN_REASONS]
    ]
    return "\n".join([f"{found['count']:,}", *reasons])


def _words(facts: object) -> str:
    assert isinstance(facts, dict)
    plain = {k: v for k, v in facts.items() if v is not None and not isinstance(v, dict | list)}
    return escape("  ".join(f"{k}={v}" for k, v in plain.items()))
