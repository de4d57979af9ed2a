"""The table of moves and the verb table of the design, cell by cell."""

from __future__ import annotations

import itertools

import pytest

from waystation import states
from waystation.model import Goal, Situation, State, Verb, Wish
from waystation.states import MOVES, VERBS, Ask, Event, Move, Nothing, Refusal, answer, obey, possible, status

Q, R, P, V = State.QUEUED, State.RUNNING, State.PAUSED, State.REVERTING
S, F, X, T, U = State.SUCCEEDED, State.FAILED, State.STOPPED, State.TERMINATED, State.UNDONE


def at(state: State, **given: object) -> Situation:
    return Situation(state, held=bool(given.pop("held", state is R)), **given)  # type: ignore[arg-type]


# What the design's table says of every cell, with the cases that it names: (situation, answer).
CELLS: dict[tuple[Verb, State], list[tuple[Situation, object]]] = {
    (Verb.PAUSE, Q): [(at(Q), Move(Event.PAUSE, P))],
    (Verb.PAUSE, R): [
        (at(R), Ask(Wish.PAUSE)),
        (at(R, wish=Wish.PAUSE), Nothing()),
        (at(R, wish=Wish.STOP), Nothing()),
    ],
    (Verb.PAUSE, P): [(at(P), Nothing())],
    (Verb.PAUSE, V): [
        (at(V, goal=Goal.STOPPED, held=True), Ask(Wish.PAUSE)),
        (at(V, goal=Goal.UNDONE, held=True, wish=Wish.PAUSE), Nothing()),
        (at(V, goal=Goal.UNDONE), Move(Event.PAUSE, P, Goal.UNDONE)),
        (at(V, goal=Goal.TERMINATED, held=True), Refusal),
    ],
    (Verb.PAUSE, F): [(at(F), Refusal)],
    (Verb.PAUSE, S): [(at(S), Refusal)],
    (Verb.PAUSE, X): [(at(X), Refusal)],
    (Verb.PAUSE, T): [(at(T), Refusal)],
    (Verb.PAUSE, U): [(at(U), Refusal)],
    (Verb.RESUME, Q): [(at(Q), Nothing())],
    (Verb.RESUME, R): [
        (at(R, wish=Wish.PAUSE), Ask(None)),
        (at(R), Nothing()),
        (at(R, wish=Wish.STOP), Nothing()),
    ],
    (Verb.RESUME, P): [
        (at(P), Move(Event.RESUME, Q)),
        (at(P, goal=Goal.UNDONE), Move(Event.REVERT, V, Goal.UNDONE)),
    ],
    (Verb.RESUME, V): [
        (at(V, goal=Goal.STOPPED, wish=Wish.PAUSE, held=True), Ask(None)),
        (at(V, goal=Goal.STOPPED), Nothing()),
    ],
    (Verb.RESUME, F): [(at(F), Refusal)],
    (Verb.RESUME, S): [(at(S), Refusal)],
    (Verb.RESUME, X): [(at(X), Refusal)],
    (Verb.RESUME, T): [(at(T), Refusal)],
    (Verb.RESUME, U): [(at(U), Refusal)],
    (Verb.STOP, Q): [
        (at(Q), Move(Event.CANCEL_STOP, X)),
        (at(Q, touched=True), Move(Event.REVERT, V, Goal.STOPPED)),
    ],
    (Verb.STOP, R): [
        (at(R), Ask(Wish.STOP)),
        (at(R, wish=Wish.PAUSE), Ask(Wish.STOP)),
        (at(R, wish=Wish.STOP), Nothing()),
    ],
    (Verb.STOP, P): [
        (at(P), Move(Event.REVERT, V, Goal.STOPPED)),
        (at(P, goal=Goal.STOPPED), Move(Event.REVERT, V, Goal.STOPPED)),
        (at(P, goal=Goal.UNDONE), Refusal),
    ],
    (Verb.STOP, V): [
        (at(V, goal=Goal.STOPPED), Nothing()),
        (at(V, goal=Goal.TERMINATED), Nothing()),
        (at(V, goal=Goal.UNDONE), Refusal),
    ],
    (Verb.STOP, F): [(at(F), Move(Event.REVERT, V, Goal.STOPPED))],
    (Verb.STOP, S): [(at(S), Refusal)],
    (Verb.STOP, X): [(at(X), Nothing())],
    (Verb.STOP, T): [(at(T), Refusal)],
    (Verb.STOP, U): [(at(U), Refusal)],
    (Verb.TERMINATE, Q): [
        (at(Q), Move(Event.CANCEL_TERMINATE, T)),
        (at(Q, touched=True), Move(Event.REVERT, V, Goal.TERMINATED)),
    ],
    (Verb.TERMINATE, R): [(at(R), Move(Event.REVERT, V, Goal.TERMINATED, take=True))],
    (Verb.TERMINATE, P): [(at(P, goal=Goal.UNDONE), Move(Event.REVERT, V, Goal.TERMINATED))],
    (Verb.TERMINATE, V): [
        (at(V, goal=Goal.STOPPED), Move(Event.RISE, V, Goal.TERMINATED, take=True)),
        (at(V, goal=Goal.TERMINATED), Nothing()),
    ],
    (Verb.TERMINATE, F): [(at(F), Move(Event.REVERT, V, Goal.TERMINATED))],
    (Verb.TERMINATE, S): [(at(S), Refusal)],
    (Verb.TERMINATE, X): [(at(X), Refusal)],
    (Verb.TERMINATE, T): [(at(T), Nothing())],
    (Verb.TERMINATE, U): [(at(U), Refusal)],
    (Verb.RETRY, F): [(at(F), Move(Event.RETRY, Q))],
    **{(Verb.RETRY, s): [(at(s), Refusal)] for s in (Q, R, P, V, S, X, T, U)},
    (Verb.UNDO, V): [
        (at(V, goal=Goal.UNDONE), Nothing()),
        (at(V, goal=Goal.STOPPED), Refusal),
    ],
    (Verb.UNDO, S): [
        (at(S, undoable=True), Move(Event.REVERT, V, Goal.UNDONE)),
        (at(S), Refusal),
    ],
    (Verb.UNDO, T): [
        (at(T, leftovers=True), Move(Event.REVERT, V, Goal.UNDONE)),
        (at(T), Refusal),
    ],
    (Verb.UNDO, U): [(at(U), Nothing())],
    **{(Verb.UNDO, s): [(at(s), Refusal)] for s in (Q, R, P, F, X)},
}


@pytest.mark.parametrize(("verb", "state"), list(itertools.product(Verb, State)))
def test_each_cell_of_the_verb_table(verb: Verb, state: State) -> None:
    assert CELLS[verb, state], "every cell has a case"
    for situation, expected in CELLS[verb, state]:
        got = answer(verb, situation)
        if expected is Refusal:
            assert isinstance(got, Refusal)
            assert got.why
        else:
            assert got == expected


def every_situation() -> list[Situation]:
    flags = (False, True)
    return [
        Situation(s, w, g, held=h, touched=t, undoable=u, leftovers=left)
        for s in State
        for w in (None, *Wish)
        for g in (None, *Goal)
        for h in flags
        for t in flags
        for u in flags
        for left in flags
    ]


def test_no_verb_and_no_holder_makes_a_move_that_the_table_lacks() -> None:
    """All pairs: whatever the situation, what comes out is in the table, and every arrow of the table comes out somewhere."""
    seen: set[tuple[State, Event]] = set()
    for situation in every_situation():
        for verb in Verb:
            got = answer(verb, situation)
            if isinstance(got, Move):
                assert MOVES[situation.state, got.event] is got.to
                seen.add((situation.state, got.event))
        if situation.state in (R, V):
            for event in (None, Event.RELEASE, Event.LOSE, Event.FINISH, Event.FAIL, *states.END.values()):
                if event is not None and (situation.state, event) not in MOVES:
                    continue
                met = obey(situation, event)
                if met is not None:
                    assert MOVES[situation.state, met.event] is met.to
                    seen.add((situation.state, met.event))
    assert set(MOVES) - seen == {(Q, Event.CLAIM), (V, Event.CLAIM)}, "claims are made by the claim alone"


def test_final_states_are_left_only_by_retry_and_revert() -> None:
    for (state, event), to in MOVES.items():
        if state in states.FINAL:
            assert event in (Event.RETRY, Event.REVERT)
            assert to in (Q, V)


@pytest.mark.parametrize("event", [None, Event.RELEASE, Event.LOSE, Event.FINISH, Event.FAIL])
def test_no_wish_is_lost_at_any_move_out_of_running(event: Event | None) -> None:
    assert obey(at(R, wish=Wish.TERMINATE), event) == Move(Event.REVERT, V, Goal.TERMINATED)
    assert obey(at(R, wish=Wish.STOP), event) == Move(Event.REVERT, V, Goal.STOPPED)
    met = obey(at(R, wish=Wish.PAUSE), event)
    if event is Event.FINISH:
        assert met == Move(Event.FINISH, S), "nothing is left to pause"
    else:
        assert met == Move(Event.PAUSE, P)
    bare = obey(at(R), event)
    assert bare is None if event is None else (bare is not None and bare.event is event)


def test_a_pause_is_met_while_taking_back_and_keeps_the_goal() -> None:
    for event in (None, Event.RELEASE, Event.LOSE):
        met = obey(at(V, goal=Goal.UNDONE, wish=Wish.PAUSE, held=True), event)
        assert met == Move(Event.PAUSE, P, Goal.UNDONE)
    assert obey(at(V, goal=Goal.UNDONE, wish=Wish.PAUSE, held=True), Event.END_UNDONE) == Move(Event.END_UNDONE, U)


def test_possible_is_what_would_change_something() -> None:
    assert possible(at(R)) == [Verb.PAUSE, Verb.STOP, Verb.TERMINATE]
    assert possible(at(R, wish=Wish.PAUSE)) == [Verb.RESUME, Verb.STOP, Verb.TERMINATE]
    assert possible(at(F)) == [Verb.STOP, Verb.TERMINATE, Verb.RETRY]
    assert possible(at(S, undoable=True)) == [Verb.UNDO]
    assert possible(at(X)) == []


@pytest.mark.parametrize(
    ("situation", "shown"),
    [
        (at(Q), "queued"),
        (at(R), "running"),
        (at(R, wish=Wish.PAUSE), "pausing"),
        (at(R, wish=Wish.STOP), "stopping"),
        (at(V, goal=Goal.STOPPED), "stopping"),
        (at(V, goal=Goal.TERMINATED), "terminating"),
        (at(V, goal=Goal.UNDONE), "undoing"),
        (at(V, goal=Goal.UNDONE, wish=Wish.PAUSE), "pausing"),
        (at(P, goal=Goal.UNDONE), "paused"),
        (at(S), "succeeded"),
    ],
)
def test_status_is_what_people_see(situation: Situation, shown: str) -> None:
    assert status(situation) == shown
    assert shown in states.STATUSES


def test_every_verb_has_a_rule_for_every_state_and_every_state_a_meaning() -> None:
    assert all(set(VERBS[verb]) == set(State) for verb in Verb)
    assert set(states.MEANING) == set(State)


def test_the_picture_shows_every_arrow_that_leaves_its_state() -> None:
    picture = states.mermaid()
    for (source, event), target in MOVES.items():
        if source is not target:
            assert f"{source} --> {target}: {event}" in picture
