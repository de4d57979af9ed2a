"""Names that people give to schedules and webhooks: they stand in addresses."""

from __future__ import annotations

import re

from waystation.errors import InvalidName

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")


def check_name(name: str, of: str) -> None:
    """Raise InvalidName for what can't be the name `of` such a thing, as in "a webhook"."""
    if not _NAME.fullmatch(name):
        raise InvalidName(
            f"{name[:60]!r} is no name for {of}.", remedy="Use lower-case letters, digits, _, . and -, 60 at most."
        )
