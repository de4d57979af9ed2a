"""Where the last complete record of a piece of CSV ends, with numpy's loops; see ../cuts.py, which does what is left over."""

from __future__ import annotations

import numpy as np

from waystation.csvio import cuts
from waystation.csvio.arrow.quoting import borders
from waystation.csvio.dialect import Dialect


def last_end(data: bytes, dialect: Dialect) -> int:
    """The offset just after the last record that is complete in `data`, which begins at a record; 0 if none is."""
    if dialect.quote is None or dialect.escapes(data):
        return cuts.last_end(data, dialect)
    seen = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(seen == ord(dialect.quote))
    opening = places[::2]  # every second one, if each stands at the beginning of a field, or closed a quoted one just before
    right = borders(dialect)[seen[opening - 1]]
    if len(places) and places[0] == 0:
        right[0] = True
    if not right.all():
        return cuts.last_end(data, dialect)
    # Before the first quote, between a closing and an opening one, and behind the last if it closes, text is outside.
    stop, closed = len(data) - data.endswith(b"\r"), len(places) - len(places) % 2
    if closed < len(places):
        stop = int(places[closed])
    for at in range(closed, -1, -2):
        begin = int(places[at - 1]) + 1 if at else 0
        end = max(data.rfind(b"\n", begin, stop), data.rfind(b"\r", begin, stop)) + 1
        if end:
            return end
        stop = int(places[at - 2]) if at else 0
    return 0
