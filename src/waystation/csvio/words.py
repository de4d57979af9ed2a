"""Values in the words of a reason."""

from __future__ import annotations


def quoted(value: str) -> str:
    """A value as it stands in a reason: in quotes, on one line, cut at 60 characters."""
    shown = value if len(value) <= 60 else value[:59] + "…"
    return f"'{shown}'" if shown.isprintable() else repr(shown)
