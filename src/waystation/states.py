"""The one table of moves, and the verbs as answers over it. Pure: no database, no clock.

What the API refuses, which buttons the page shows, the picture in the README and the tests are derived from here; nobody else
lists states. `state` is what is, `wish` what a person asked, `goal` where a revert leads: see `model`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from waystation.model import Goal, Situation, State, Task, Verb, Wish


class Event(StrEnum):
    """What can move a task. The timeline shows these words."""

    CLAIM = "claimed"
    RELEASE = "interrupted"
    LOSE = "lease lost"
    PAUSE = "paused"
    RESUME = "resumed"
    REVERT = "reverting"
    RISE = "goal raised"
    CANCEL_STOP = "stopped"
    CANCEL_TERMINATE = "terminated"
    FINISH = "succeeded"
    FAIL = "failed"
    RETRY = "retried"
    END_STOPPED = "rolled back"
    END_TERMINATED = "cleaned up"
    END_UNDONE = "undone"


Q, R, P, V = State.QUEUED, State.RUNNING, State.PAUSED, State.REVERTING

MOVES: dict[tuple[State, Event], State] = {
    (Q, Event.CLAIM): R,  # a worker took the lease
    (Q, Event.PAUSE): P,  # asked before a worker came; none is needed
    (Q, Event.CANCEL_STOP): State.STOPPED,  # asked before anything was done: there is nothing to take back
    (Q, Event.CANCEL_TERMINATE): State.TERMINATED,  # the same, by terminate
    (Q, Event.REVERT): V,  # stop or terminate of a task that waits again after some work
    (R, Event.RELEASE): Q,  # given back at a yield: a deploy, the end of a slice, a throttle, a retry to come
    (R, Event.LOSE): Q,  # no sign of life: the checkpoint stands, another attempt goes on from it
    (R, Event.PAUSE): P,  # the wish was met at a yield: cursor kept, slot freed
    (R, Event.REVERT): V,  # stop was met at a yield, or terminate took the lease
    (R, Event.FINISH): State.SUCCEEDED,  # the work is done and published
    (R, Event.FAIL): State.FAILED,  # the kind raised, or its worker died too often at one place
    (P, Event.RESUME): Q,  # somebody wants it to go on
    (P, Event.REVERT): V,  # stop or terminate; or resume of a revert that was paused
    (V, Event.CLAIM): V,  # a worker took the lease of the taking back
    (V, Event.RELEASE): V,  # given back: a deploy, or a try that failed and will be repeated
    (V, Event.LOSE): V,  # the worker died while taking back: another finishes it
    (V, Event.PAUSE): P,  # the taking back itself is paused; the goal stays
    (V, Event.RISE): V,  # terminate: the kind's own steps are given up, only what was staged is dropped
    (V, Event.END_STOPPED): State.STOPPED,  # all was taken back
    (V, Event.END_TERMINATED): State.TERMINATED,  # what Waystation staged is gone
    (V, Event.END_UNDONE): State.UNDONE,  # what had been published is gone again
    (State.SUCCEEDED, Event.REVERT): V,  # undo
    (State.FAILED, Event.RETRY): Q,  # from its checkpoint
    (State.FAILED, Event.REVERT): V,  # stop or terminate of a failed task
    (State.TERMINATED, Event.REVERT): V,  # undo of what terminate left standing outside
}

FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.STOPPED, State.TERMINATED, State.UNDONE})
END = {
    Goal.STOPPED: Event.END_STOPPED,
    Goal.TERMINATED: Event.END_TERMINATED,
    Goal.UNDONE: Event.END_UNDONE,
}

MEANING: dict[State, str] = {
    State.QUEUED: "Waits for a free worker.",
    State.RUNNING: "A worker is at it.",
    State.PAUSED: "Stands still and holds no worker; resume goes on from the same place.",
    State.REVERTING: "What it did is being taken back.",
    State.SUCCEEDED: "Done, and there for everyone to see.",
    State.FAILED: "Ended by an error; its checkpoint is kept for a retry.",
    State.STOPPED: "Stopped; everything it did was taken back.",
    State.TERMINATED: "Killed; what Waystation had staged is gone.",
    State.UNDONE: "Taken back after it had succeeded.",
}


# -- answers -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Move:
    """Go to `to`. `take` = by force: the attempt's number grows first, so whoever held the task can write no more."""

    event: Event
    to: State
    goal: Goal | None = None
    take: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Leave the state; write down (or take back) the wish, for the attempt to meet at its next yield."""

    wish: Wish | None


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is so already."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """It can't be done in this state."""

    why: str


Answer = Move | Ask | Nothing | Refusal
NOTHING = Nothing()


def move(state: State, event: Event, goal: Goal | None = None, *, take: bool = False) -> Move:
    """The move that the table allows; KeyError for one that it does not."""
    return Move(event, MOVES[state, event], goal, take)


# -- the verbs ---------------------------------------------------------------------------------------------------------
Rule = Callable[[Situation], Answer]


def _refuse(why: str) -> Rule:
    return lambda s: Refusal(why)


def _go(event: Event, goal: Goal | None = None, *, take: bool = False) -> Rule:
    return lambda s: move(s.state, event, goal, take=take)


def _nothing(s: Situation) -> Answer:
    return NOTHING


def _pause_running(s: Situation) -> Answer:
    return NOTHING if s.wish else Ask(Wish.PAUSE)  # a stop that was asked stays asked


def _pause_reverting(s: Situation) -> Answer:
    if s.goal is Goal.TERMINATED:
        return Refusal("a task that is being terminated can't be paused")
    if s.wish is Wish.PAUSE:
        return NOTHING
    return Ask(Wish.PAUSE) if s.held else move(s.state, Event.PAUSE, s.goal)


def _take_back_pause(s: Situation) -> Answer:
    return Ask(None) if s.wish is Wish.PAUSE else NOTHING


def _resume_paused(s: Situation) -> Answer:
    return move(s.state, Event.REVERT, s.goal) if s.goal else move(s.state, Event.RESUME)


def _stop_queued(s: Situation) -> Answer:
    return move(s.state, Event.REVERT, Goal.STOPPED) if s.touched else move(s.state, Event.CANCEL_STOP)


def _terminate_queued(s: Situation) -> Answer:
    return move(s.state, Event.REVERT, Goal.TERMINATED) if s.touched else move(s.state, Event.CANCEL_TERMINATE)


def _stop_running(s: Situation) -> Answer:
    return NOTHING if s.wish in (Wish.STOP, Wish.TERMINATE) else Ask(Wish.STOP)


def _stop_paused(s: Situation) -> Answer:
    if s.goal is Goal.UNDONE:
        return Refusal("it is being undone; resume it, or terminate it")
    return move(s.state, Event.REVERT, s.goal or Goal.STOPPED)


def _stop_reverting(s: Situation) -> Answer:
    return Refusal("it is being undone, which ends in nothing left as well") if s.goal is Goal.UNDONE else NOTHING


def _terminate_reverting(s: Situation) -> Answer:
    return NOTHING if s.goal is Goal.TERMINATED else move(s.state, Event.RISE, Goal.TERMINATED, take=True)


def _undo_reverting(s: Situation) -> Answer:
    return NOTHING if s.goal is Goal.UNDONE else Refusal("it is being taken back already")


def _undo_succeeded(s: Situation) -> Answer:
    return move(s.state, Event.REVERT, Goal.UNDONE) if s.undoable else Refusal("its kind can't be undone")


def _undo_terminated(s: Situation) -> Answer:
    if not s.leftovers:
        return Refusal("nothing of it is left to undo")
    return move(s.state, Event.REVERT, Goal.UNDONE)


_OVER = "it has ended"
_S, _F, _X, _T, _U = State.SUCCEEDED, State.FAILED, State.STOPPED, State.TERMINATED, State.UNDONE

VERBS: dict[Verb, dict[State, Rule]] = {
    Verb.PAUSE: {
        Q: _go(Event.PAUSE),
        R: _pause_running,
        P: _nothing,
        V: _pause_reverting,
        _F: _refuse("it has failed and stands still already"),
        _S: _refuse(_OVER),
        _X: _refuse(_OVER),
        _T: _refuse(_OVER),
        _U: _refuse(_OVER),
    },
    Verb.RESUME: {
        Q: _nothing,
        R: _take_back_pause,
        P: _resume_paused,
        V: _take_back_pause,
        _F: _refuse("it has failed; retry goes on from its checkpoint"),
        _S: _refuse(_OVER),
        _X: _refuse(_OVER),
        _T: _refuse(_OVER),
        _U: _refuse(_OVER),
    },
    Verb.STOP: {
        Q: _stop_queued,
        R: _stop_running,
        P: _stop_paused,
        V: _stop_reverting,
        _F: _go(Event.REVERT, Goal.STOPPED),
        _S: _refuse("it has succeeded; undo takes it back"),
        _X: _nothing,
        _T: _refuse(_OVER),
        _U: _refuse(_OVER),
    },
    Verb.TERMINATE: {
        Q: _terminate_queued,
        R: _go(Event.REVERT, Goal.TERMINATED, take=True),
        P: _go(Event.REVERT, Goal.TERMINATED),
        V: _terminate_reverting,
        _F: _go(Event.REVERT, Goal.TERMINATED),
        _S: _refuse("it has succeeded; undo takes it back"),
        _X: _refuse(_OVER),
        _T: _nothing,
        _U: _refuse(_OVER),
    },
    Verb.RETRY: {
        Q: _refuse("it waits already"),
        R: _refuse("it is running"),
        P: _refuse("it is paused; resume goes on"),
        V: _refuse("it is being taken back"),
        _F: _go(Event.RETRY),
        _S: _refuse(_OVER),
        _X: _refuse(_OVER),
        _T: _refuse(_OVER),
        _U: _refuse(_OVER),
    },
    Verb.UNDO: {
        Q: _refuse("it has not ended; stop takes it back"),
        R: _refuse("it has not ended; stop takes it back"),
        P: _refuse("it has not ended; stop takes it back"),
        V: _undo_reverting,
        _F: _refuse("it has failed; stop takes back what it did"),
        _S: _undo_succeeded,
        _X: _refuse("it was taken back already"),
        _T: _undo_terminated,
        _U: _nothing,
    },
}


def answer(verb: Verb, s: Situation) -> Answer:
    """What this verb does to a task in this situation."""
    return VERBS[verb][s.state](s)


def possible(s: Situation) -> list[Verb]:
    """The verbs that would change something now: the page's buttons, the API's links, the 409's list."""
    return [verb for verb in Verb if isinstance(answer(verb, s), Move | Ask)]


# -- the holder's side -------------------------------------------------------------------------------------------------
def obey(s: Situation, event: Event | None) -> Move | None:
    """What an attempt (or the reaper in its name) must do at `event`: terminate before stop before pause before the event.

    `event` None is a plain yield: None comes back when the work simply goes on. Every move out of running passes here, so no
    wish is lost. At the end of the work a pause is dropped, since nothing is left to pause.
    """
    over = event is Event.FINISH or event in END.values()
    if s.state is R:
        if s.wish is Wish.TERMINATE:
            return move(R, Event.REVERT, Goal.TERMINATED)
        if s.wish is Wish.STOP:
            return move(R, Event.REVERT, Goal.STOPPED)
    if s.wish is Wish.PAUSE and not over:
        return move(s.state, Event.PAUSE, s.goal)
    return move(s.state, event, None if over else s.goal) if event else None


def status(s: Situation) -> str:
    """What people see: (running, pause) is `pausing`."""
    if s.wish is Wish.PAUSE:
        return "pausing"
    if s.state is R and s.wish:
        return "stopping" if s.wish is Wish.STOP else "terminating"
    if s.state is V:
        return {Goal.STOPPED: "stopping", Goal.TERMINATED: "terminating"}.get(s.goal or Goal.STOPPED, "undoing")
    return s.state.value


def task_status(task: Task) -> str:
    """The status of a whole task."""
    return status(task.situation)


STATUSES = tuple(dict.fromkeys([*(s.value for s in State), "pausing", "stopping", "terminating", "undoing"]))


def mermaid() -> str:
    """The table of moves as a picture for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for (source, event), target in MOVES.items():
        if source is not target:
            lines.append(f"    {source} --> {target}: {event}")
    lines += [f"    {s} --> [*]" for s in State if s in FINAL]
    return "\n".join(lines)
