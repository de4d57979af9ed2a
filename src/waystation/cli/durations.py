"""Times as people write them on the command line: 90d, 12h, 30m, 45s."""

from __future__ import annotations

import re

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_WRITTEN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhdwy])", re.ASCII)


class Duration(click.ParamType[float]):
    """A number and a unit, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Fails, as click's own types do, for what is written otherwise."""
        if isinstance(value, float):
            return value
        found = _WRITTEN.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a time: write 90d, 12h, 30m or 45s.", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


DURATION = Duration()
