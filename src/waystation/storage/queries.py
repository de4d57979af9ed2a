"""SQL lives in .sql files: each query under a line `-- name: what`, a sentence above it. This loads one such file."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(name: str) -> dict[str, LiteralString]:
    """The queries of `storage/<name>.sql` by their names."""
    text = files("waystation.storage").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    return {key: cast(LiteralString, body.strip()) for key, body in zip(pieces[::2], pieces[1::2], strict=True)}
