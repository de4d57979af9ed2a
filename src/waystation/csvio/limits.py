"""How large what is in a file may be, whatever the file itself is."""

from __future__ import annotations

from dataclasses import dataclass

from waystation.csvio.chunks import MAX_RECORD_BYTES
from waystation.csvio.sniff import MAX_COLUMNS
from waystation.errors import TooManyColumns, TooManyRows


@dataclass(frozen=True, slots=True)
class FileLimits:
    """The most rows, columns, and bytes of one record (a field is never longer than its record)."""

    rows: int = 10**10
    columns: int = MAX_COLUMNS
    record: int = MAX_RECORD_BYTES

    def check_columns(self, count: int) -> None:
        """Raises TooManyColumns."""
        if count > self.columns:
            raise TooManyColumns(f"The header has {count:,} columns; {self.columns:,} are the most (WAYSTATION_MAX_COLUMNS).")

    def check_rows(self, last: int) -> None:
        """Raises TooManyRows when there is a record beyond the last one that may be."""
        if last > self.rows:
            raise TooManyRows(f"The file has more than {self.rows:,} rows (WAYSTATION_MAX_ROWS).")
