"""Cells that a spreadsheet would take for a formula: an opt-in guard, and its exact inverse.

A text that begins with = + - @, a tab or a carriage return is run as a formula when a CSV is opened in a spreadsheet. The guard
puts a single quote before it, which spreadsheets take for "this is text". A text that begins with such quotes and then one of
these characters gets one more, so that taking one quote away from each guarded text gives back what there was.
"""

from __future__ import annotations

import re

STARTS = "=+-@\t\r"
DANGEROUS = r"^'*[=+@\t\r-]"  # what is guarded: a pattern that Python and PostgreSQL read alike
GUARDED = r"^'+[=+@\t\r-]"  # what was guarded

_dangerous, _guarded = re.compile(DANGEROUS).match, re.compile(GUARDED).match


def guard(text: str) -> str:
    """The text as a spreadsheet shows it and does not run it."""
    return f"'{text}" if _dangerous(text) else text


def unguard(text: str) -> str:
    """The inverse of `guard`."""
    return text[1:] if _guarded(text) else text
