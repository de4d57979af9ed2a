"""How fast a task was over time, from the samples that were taken while it ran."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from waystation.model import Sample


def rates(samples: Sequence[Sample]) -> tuple[list[datetime], list[float | None]]:
    """Moments, and the units a second up to each: None at the first of an attempt, before which the task stood still."""
    at: list[datetime] = []
    rate: list[float | None] = []
    before: Sample | None = None
    for sample in samples:
        at.append(sample.at)
        if before is None or before.attempt != sample.attempt:
            rate.append(None)
        else:
            passed = (sample.at - before.at).total_seconds()
            rate.append(round(max(0.0, sample.done - before.done) / passed, 3) if passed > 0 else None)
        before = sample
    return at, rate
