"""Hostile input: one table of it, for the suite and for `make hostile`."""

from tests.hostile import files, names, requests  # noqa: F401  what they hold puts itself into the table
from tests.hostile.table import CASES

__all__ = ["CASES"]
