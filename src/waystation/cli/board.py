"""The board that `watch` draws on a terminal: a line for each task, as many as fit, with what moves on top."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from waystation.cli import look
from waystation.client import Task

REFRESH = 4  # times a second
WIDE = 150  # columns of a terminal from which on whole ids are shown, to be copied
ROOMY = 100  # columns from which on there is room for totals and rates
BAR = 8  # columns of the shortest bar
LEAST = 6  # columns below which a name says nothing
ROOM = 2  # lines that are left free below: the sum, and the cursor
# What stands on top: what moves, then what waits for somebody, then what waits for a worker, then what has ended.
_RANK = {"running": 0, "reverting": 0, "paused": 1, "queued": 2}


class Board:
    """Drawn anew in place; what is on it at the end stays on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tasks: dict[str, Task] = {}
        self._live = Live(
            console=console,
            refresh_per_second=REFRESH,
            get_renderable=self.draw,
            vertical_overflow="crop",
            redirect_stderr=False,
        )

    def show(self, task: Task) -> None:
        """A task that is new, or has changed."""
        self._tasks[task.id] = task

    def draw(self) -> Group:
        """The board, in as many lines as the terminal has now."""
        width, height = self._console.size
        ranked = sorted(self._tasks.values(), key=lambda t: _RANK.get(str(t["state"]), 3))
        shown = ranked[: max(1, height - ROOM)]
        return Group(_grid(shown, width), *([_sum(ranked, len(shown))] if len(ranked) > 1 else []))

    def __enter__(self) -> Board:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()


def _grid(tasks: list[Task], width: int) -> Table:
    """A line for each. What a status, an id or a share is stays whole: where room is short, names are cut and bars left out."""
    rows = [_texts(task, width) for task in tasks]
    status, name, what, amount, pace = (max((row[at].cell_len for row in rows), default=0) for at in range(5))
    room = width - status - name - amount - pace - 5  # a blank behind each
    bar = max(BAR, min(40, width // 6, room - what))
    bar = bar if room >= min(what, LEAST) + bar else 0
    widths = [status, name, max(0, min(what, room - bar)), *([bar] if bar else []), amount, pace]
    grid = Table.grid(padding=(0, 1))
    for column in widths:
        grid.add_column(width=column, no_wrap=True, overflow="ellipsis")
    for task, row in zip(tasks, rows, strict=True):
        grid.add_row(*row[:3], *([_bar(task)] if bar else []), *row[3:])
    return grid


def _texts(task: Task, width: int) -> tuple[Text, Text, Text, Text, Text]:
    """Its status, id and name, how far it is and how long it will take, as short as the terminal asks for."""
    of = task["label"] or task["dataset"] or ""
    roomy = width >= ROOMY
    return (
        Text.from_markup(look.status(task.status)),
        Text(task.id if width >= WIDE else task.id[:8], style="dim"),
        Text(f"{task.kind} {of}".rstrip()),
        Text(look.amount(task.progress) if roomy else look.share(task.progress)),
        Text.from_markup(look.pace(task) if roomy else look.left(task), style="dim"),
    )


def _bar(task: Task) -> ProgressBar:
    progress = task.progress
    total = progress["total"]
    moving = task["state"] in ("running", "reverting")
    if total is None and task.complete:
        total = progress["done"] or 1
    if total is None and not moving:
        return ProgressBar(total=1, completed=0)
    return ProgressBar(total=total, completed=progress["done"], pulse=total is None and moving)


def _sum(tasks: list[Task], shown: int) -> Text:
    """How many are what; and how many there was no room for."""
    counted = Counter(t.status for t in tasks)
    said = " · ".join(f"{number} {status}" for status, number in counted.most_common())
    more = f" · {len(tasks) - shown} not shown" if len(tasks) > shown else ""
    return Text(said + more, style="dim")
