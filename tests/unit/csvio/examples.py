"""How many examples the differential tests try: few in the suite, as many as WAYSTATION_EXAMPLES says in `make fuzz-csv`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

ASKED = int(os.environ.get("WAYSTATION_EXAMPLES", "0"))
RAN: Counter[str] = Counter()  # examples by the name of their test; told at the end of `make fuzz-csv`


def some(usual: int) -> Callable[[Any], Any]:
    """Settings for a test of so many examples, unless more are asked for."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=max(usual, ASKED), deadline=None, suppress_health_check=slow if ASKED else ())


def ran(name: str) -> None:
    """Count an example."""
    RAN[name] += 1
