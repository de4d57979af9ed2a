"""The board that `watch` draws on a terminal: a line for each task, as many as fit, with what moves on top."""

from __future__ import annotations

from collections import Counter
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from waystation.cli import look
from waystation.client import Task

REFRESH = 4  # times a second
WIDE = 150  # columns of a terminal from which on whole ids are shown, to be copied
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
        grid = Table.grid(padding=(0, 1))
        for column in ("status", "task", "what"):
            grid.add_column(column, no_wrap=True, overflow="ellipsis")
        grid.add_column("bar", width=max(8, min(40, width // 6)))
        grid.add_column("amount", no_wrap=True, overflow="ellipsis")
        grid.add_column("pace", no_wrap=True, overflow="ellipsis", style="dim")
        for task in shown:
            grid.add_row(*_cells(task, whole=width >= WIDE))
        return Group(grid, *([_sum(ranked, len(shown))] if len(ranked) > 1 else []))

    def __enter__(self) -> Board:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()


def _cells(task: Task, *, whole: bool) -> tuple[str | ProgressBar, ...]:
    progress = task.progress
    total = progress["total"]
    moving = task["state"] in ("running", "reverting")
    if total is None and task.complete:
        total = progress["done"] or 1
    bar = ProgressBar(total=total, completed=progress["done"], pulse=total is None and moving)
    if total is None and not moving:
        bar = ProgressBar(total=1, completed=0)
    of = f" {escape(str(task['dataset']))}" if task["dataset"] else ""
    return (
        look.status(task.status),
        f"[dim]{task.id if whole else task.id[:8]}[/]",
        f"{escape(task.kind)}{of}",
        bar,
        look.amount(progress),
        look.pace(task),
    )


def _sum(tasks: list[Task], shown: int) -> Text:
    """How many are what; and how many there was no room for."""
    counted = Counter(t.status for t in tasks)
    said = " · ".join(f"{number} {status}" for status, number in counted.most_common())
    more = f" · {len(tasks) - shown} not shown" if len(tasks) > shown else ""
    return Text(said + more, style="dim")
