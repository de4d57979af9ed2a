"""The short crash run; `make crash` is the long one."""

from __future__ import annotations

import pytest

from tests.crash.soak import soak


@pytest.mark.long
def test_a_short_time_of_attacks_loses_and_doubles_nothing() -> None:
    score = soak(20, seed=7, attacks=6)
    assert score.clean, "\n".join([score.line(20, 7), *score.notes])
    assert sum(score.attacks.values()) >= 6
    assert score.imports > 2
    assert score.exports > 0
