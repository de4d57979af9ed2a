"""The audit, as admins read it: page by page, and whole as a file. It is written where things are done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from waystation.access import Need
from waystation.acts import Act, Entry, Which
from waystation.control import Control, base36
from waystation.csvio.formulas import guard
from waystation.storage import audit

COLUMNS = ("id", "at", "actor", "act", "about", "task", "dataset", "reason", "data")
A_READ = 1000  # lines that an export holds in memory


@dataclass(frozen=True, slots=True)
class Audit:
    """Who did what, for admins."""

    control: Control

    def page(self, which: Which, *, limit: int, cursor: str | None = None) -> tuple[list[Entry], str | None]:
        """The newest lines that fit, and where the page after them begins. Raises NotAllowed."""
        self.control.caller.require(Need.ADMINISTER)
        before = int(cursor, 36) if cursor else None
        with self.control.database.transaction() as connection:
            found = audit.select(connection, which, before=before, limit=limit + 1)
        return found[:limit], base36(found[limit - 1].id) if len(found) > limit else None

    def export(self, which: Which, form: str, *, actor: str) -> Iterator[bytes]:
        """All lines that fit, oldest first, as `csv` or `jsonl`, in blocks of bytes; that somebody took them is noted before.

        Cells of the CSV that a spreadsheet would run are guarded. Raises NotAllowed.
        """
        self.control.caller.require(Need.ADMINISTER)
        with self.control.database.transaction() as connection:
            audit.note(connection, actor, Act.AUDIT_EXPORT, data={"format": form})
        return self._blocks(which, form)

    def _blocks(self, which: Which, form: str) -> Iterator[bytes]:
        if form == "csv":
            yield _csv([COLUMNS])
        after = 0
        while True:
            with self.control.database.transaction() as connection:
                found = audit.select(connection, which, after=after, limit=A_READ)
            if not found:
                return
            if form == "csv":
                yield _csv([tuple(map(guard, _texts(entry))) for entry in found])
            else:
                yield b"".join(map(_line, found))
            after = found[-1].id


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _line(entry: Entry) -> bytes:
    values = {name: getattr(entry, name) for name in COLUMNS}
    return (json.dumps(values, ensure_ascii=False, default=_plain) + "\n").encode()


def _texts(entry: Entry) -> tuple[str, ...]:
    """A line as the cells of a CSV."""
    return tuple("" if v is None else _plain(v) for v in (getattr(entry, name) for name in COLUMNS))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
