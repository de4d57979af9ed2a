"""The table of hostile inputs: what is sent, what must come of it, and why: one for the suite and for `make hostile`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.hostile.stage import Stage

Sends = Callable[[Stage], Iterable[str]]


@dataclass(frozen=True)
class Case:
    """One hostile input, in one or several spellings. Each must come to one of `comes`: an answer's status and its code, or
    how the task ended that was made of it."""

    group: str
    sent: str
    comes: tuple[str, ...]
    says: str
    sends: Sends

    @property
    def name(self) -> str:
        """What it is called in a test."""
        return self.sends.__name__

    def run(self, stage: Stage) -> dict[str, int]:
        """Send all of it: how often what came. Fails at the first thing that must not come."""
        came: dict[str, int] = {}
        for number, outcome in enumerate(self.sends(stage), 1):
            assert outcome in self.comes, f"{self.name}, {number}.: {outcome} instead of {self.comes}: {str(stage.said)[:600]}"
            came[outcome] = came.get(outcome, 0) + 1
        assert came, f"{self.name} sent nothing"
        return came


CASES: list[Case] = []


def case(group: str, sent: str, *comes: str, says: str) -> Callable[[Sends], Sends]:
    """Put a function that sends something into the table. It yields what came of each input."""

    def add(sends: Sends) -> Sends:
        CASES.append(Case(group, sent, comes, says, sends))
        return sends

    return add
