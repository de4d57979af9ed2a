"""Progress of a transfer or of a task, as a bar on standard error, or told to whoever wants to show it otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Told = Callable[[float, float | None], None]  # how much is done, and of how much if that is known
Progress = bool | Told  # False: nothing is told; True: a bar


def nobody(done: float, total: float | None) -> None:
    """Tell nobody."""


@contextmanager
def telling(progress: Progress, title: str, *, unit: str = "bytes") -> Iterator[Told]:
    """What to call with each bit of progress. The bar goes away at the end."""
    if progress is False:
        yield nobody
    elif progress is not True:
        yield progress
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
        columns = ("{task.description}", BarColumn(), amount, TimeRemainingColumn())
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            bar = bars.add_task(title, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)
