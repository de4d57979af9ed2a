"""What hours of fuzzing have found is tried again: each input that once went a way of its own through the code."""

from __future__ import annotations

import pytest

from tests.fuzz.corpus import inputs
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_corpus(target: str) -> None:
    kept = inputs(target)
    assert len(kept) > 50
    for data in kept:
        TARGETS[target](data)
