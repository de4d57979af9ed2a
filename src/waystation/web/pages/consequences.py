"""What a verb will do to a task, in sentences, before it is done: from its state and from what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from waystation import states
from waystation.model import Holds, State, Task, Verb
from waystation.progress import progress_of
from waystation.web.words import THIN, amount, count, size

TAKES_BACK = frozenset({Verb.STOP, Verb.TERMINATE, Verb.UNDO})
ASKS_FIRST = TAKES_BACK | {Verb.RETRY}  # retry may come with other parameters
DONE_WITH = {
    Verb.PAUSE: "Pause",
    Verb.RESUME: "Resume",
    Verb.STOP: "Stop and take back",
    Verb.TERMINATE: "Kill it now",
    Verb.RETRY: "Go on",
    Verb.UNDO: "Take it back",
}
HINTS = {  # in the order of the buttons: what goes on comes first
    Verb.RETRY: "Go on from its checkpoint",
    Verb.PAUSE: "Stand still at the next step; the worker is freed",
    Verb.RESUME: "Go on from the same place",
    Verb.STOP: "End it and take back what it did",
    Verb.TERMINATE: "Kill it now and drop what it staged",
    Verb.UNDO: "Take back what it published",
}


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a verb will do: whether it can be done now, and sentences that say what follows."""

    verb: Verb
    possible: bool
    sentences: tuple[str, ...]

    @property
    def takes_back(self) -> bool:
        """Work is lost by it."""
        return self.verb in TAKES_BACK


def consequence(verb: Verb, held: Holds) -> Consequence:
    """What `verb` would do to the task now."""
    answer = states.answer(verb, held.task.situation)
    if isinstance(answer, states.Refusal):
        return Consequence(verb, False, (f"This is not possible: {answer.why}.",))
    if isinstance(answer, states.Nothing):
        return Consequence(verb, False, ("Nothing will change: it is so already.",))
    return Consequence(verb, True, tuple(_sentences(verb, held)))


def _sentences(verb: Verb, held: Holds) -> Iterator[str]:
    task = held.task
    if verb is Verb.PAUSE:
        yield f"It finishes the step that it is at, keeps its place{_place(task)} and frees its worker."
        yield "Resume goes on from there, whenever you like."
    elif verb is Verb.RESUME:
        yield f"It goes on from its place{_place(task)} as soon as a worker is free."
    elif verb is Verb.RETRY:
        yield f"It goes on from its checkpoint{_place(task)}: what it has done so far is kept."
    else:
        yield from _how_it_ends(verb, task)
        yield from _what_goes(verb, held)


def _place(task: Task) -> str:
    p = progress_of(task)
    if not p.done:
        return ""
    return f" at {p.percent:.0f}{THIN}%" if p.percent is not None else f" at {amount(p.done, p.unit)}"


def _how_it_ends(verb: Verb, task: Task) -> Iterator[str]:
    if verb is Verb.TERMINATE and task.held:
        yield "Its process is killed at once, in the middle of its step."
    elif verb is Verb.STOP and task.state is State.RUNNING:
        yield "It ends after the step that it is at."
    elif task.state is State.QUEUED and not task.situation.touched:
        yield "It has not begun, so there is nothing to take back."
    elif task.state is State.FAILED:
        yield "It is given up: nothing runs, and it can't be retried any more."


def _what_goes(verb: Verb, held: Holds) -> Iterator[str]:
    task = held.task
    if held.batch is not None and held.batch.state == "published":
        yield from _published(held)
    elif held.batch is not None:
        yield f"{count(held.rows, 'staged row')} will be removed; the dataset {held.batch.dataset} stays as it is."
    file = (task.result or {}).get("file")
    if file:
        yield f"Its result file {file['name']} ({size(file['size'])}) will be deleted."
    elif task.files:
        yield "What it has written so far will be deleted."
    if held.own_undo and task.situation.touched:
        yield from _outside(verb, task)
    if task.params.get("upload") and task.label:
        yield f"The uploaded file {task.label} goes too: to use it again, upload it again."


def _published(held: Holds) -> Iterator[str]:
    batch = held.batch
    assert batch is not None
    if not batch.visible:
        yield f"Its {count(held.rows, 'row')} are hidden already by a later import that replaced them: readers see no change."
        return
    yield f"{count(held.rows, 'row')} of the dataset {batch.dataset} will be gone, for every reader at the same moment."
    back = held.rows_after - (held.rows_now - held.rows)
    if batch.mode == "replace" and back > 0:
        yield f"The {count(back, 'row')} that it replaced come back."
    if held.batches_after:
        verb = "is what readers see" if held.rows_after == 1 else "are what readers see"
        yield f"{count(held.rows_after, 'row')} of {count(held.batches_after, 'other import')} {verb} then."
    else:
        yield "The dataset is empty then, and has no columns: the next import defines them."
    if held.readers:
        yield f"{count(held.readers, 'export')} still being made will finish with these rows in it."


def _outside(verb: Verb, task: Task) -> Iterator[str]:
    done = amount(task.done, task.unit)
    if verb is Verb.TERMINATE:
        yield f"What it did outside Waystation ({done}) is left standing, and listed here as left over."
    elif task.state is State.TERMINATED:
        yield "What was left standing outside is taken back now."
    else:
        yield f"What it did outside Waystation ({done}) is taken back one by one, which takes some time."
