"""Find columns whose values were exchanged: those of a file, held against what a dataset has under the same names.

A value's shape is what is left of it when letters are all alike and digits too: `ada@x.org` is `a@a.a`. Two columns look
exchanged when the shapes of each are those that the dataset has in the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

ENOUGH = 5  # values that a column must have on both sides
MARGIN = 0.8  # how much better the exchanged reading must fit, of 2
MOST_COLUMNS = 100  # pairs grow by the square

_runs = (
    (re.compile(r"[^\W\d_]+"), lambda found: "A" if found[0][0].isupper() else "a"),
    (re.compile(r"\d+"), lambda found: "9" * min(len(found[0]), 6)),
    (re.compile(r"\s+"), lambda found: " "),
)


@dataclass(frozen=True, slots=True)
class Swapped:
    """Two columns that look exchanged, with a value of each as the file has it."""

    first: str
    second: str
    first_value: str
    second_value: str

    @property
    def claim(self) -> str:
        """Which columns look so."""
        return f"{self.first} and {self.second} look exchanged"

    @property
    def evidence(self) -> str:
        """Why they look so."""
        return (
            f"{self.first} holds values such as {self.first_value!r}, and {self.second} such as {self.second_value!r},"
            " while the dataset has them the other way round"
        )

    @property
    def sentence(self) -> str:
        """What people are told."""
        return f"{self.claim}: {self.evidence}."


def swapped(file: Mapping[str, Sequence[str]], dataset: Mapping[str, Sequence[str]]) -> list[Swapped]:
    """The pairs of columns, known to both sides, that look exchanged; each column is in one pair at most, neighbours first."""
    shared = [name for name in file if name in dataset][:MOST_COLUMNS]
    ours = {name: shapes(file[name]) for name in shared}
    theirs = {name: shapes(dataset[name]) for name in shared}
    shared = [name for name in shared if min(ours[name].total(), theirs[name].total()) >= ENOUGH]
    found: list[Swapped] = []
    taken: set[str] = set()
    for first, second in sorted(combinations(shared, 2), key=lambda pair: shared.index(pair[1]) - shared.index(pair[0])):
        if first in taken or second in taken:
            continue
        straight = alike(ours[first], theirs[first]), alike(ours[second], theirs[second])
        crossed = alike(ours[first], theirs[second]), alike(ours[second], theirs[first])
        if sum(crossed) - sum(straight) >= MARGIN and crossed[0] > straight[0] and crossed[1] > straight[1]:
            taken |= {first, second}
            found.append(Swapped(first, second, _example(file[first]), _example(file[second])))
    return found


def shapes(values: Sequence[str]) -> Counter[str]:
    """How often each shape comes, empty values apart."""
    return Counter(shape(value) for value in values if value)


def shape(value: str) -> str:
    """What a value looks like."""
    for pattern, made in _runs:
        value = pattern.sub(made, value)
    return value


def alike(one: Counter[str], other: Counter[str]) -> float:
    """The share of shapes that two columns have in common: 0 to 1."""
    return sum(min(number / one.total(), other[form] / other.total()) for form, number in one.items())


def _example(values: Sequence[str]) -> str:
    found = next((value for value in values if value), "")
    return found if len(found) <= 40 else f"{found[:39]}…"
