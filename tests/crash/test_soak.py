"""The short crash run; `make crash` is the long one."""

from __future__ import annotations

from tests.crash.soak import soak


def test_a_minute_of_attacks_loses_and_doubles_nothing() -> None:
    score = soak(40, seed=7)
    assert score.clean, "\n".join([score.line(40, 7), *score.notes])
    assert sum(score.attacks.values()) > 10
    assert score.imports > 5
    assert score.exports > 2
