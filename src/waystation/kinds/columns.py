"""The columns of an import: what is settled about each before the file is read, and the plan that the reading follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from waystation.csvio.encode import ColumnPlan


def plans_of(columns: Sequence[Mapping[str, Any]]) -> list[ColumnPlan]:
    """The plans of the columns as a cursor has them."""
    return [ColumnPlan(c["position"], c["name"], c["type"]) for c in columns]
