"""How far a task is, as people want to see it: percent, rate and time to go, with the awkward cases named."""

from __future__ import annotations

from waystation.model import Progress, State, Task


def progress_of(task: Task) -> Progress:
    """The progress of the work, or of its taking back while that is under way.

    The total may be unknown (percent and eta are None), or too small (percent stays at 100). A task that does not run has no
    rate and no eta: paused time never counts.
    """
    if task.state is State.REVERTING or (task.state is State.PAUSED and task.goal):
        done, total, phase = task.revert_done, task.revert_total, "taking back"
    else:
        done, total, phase = task.done, task.total, task.phase or ""
    rate = task.rate if task.state is State.RUNNING else None
    percent = None
    if total is not None:
        percent = 100.0 if total <= 0 else round(min(100.0, 100.0 * done / total), 1)
    eta = None
    if rate and total is not None:
        eta = round(max(0.0, (total - done) / rate), 1)
    return Progress(done, total, task.unit, phase or None, percent, round(rate, 1) if rate else None, eta)
