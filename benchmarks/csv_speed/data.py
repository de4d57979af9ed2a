"""Files to import: people in 6 or 10 columns; plain, quote-heavy, or dirty with one bad row in a hundred."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waystation.csvio import people

SIX = {"name": "text", "age": "bigint", "phone": "text", "email": "text", "address": "text", "record_date": "date"}
TEN = SIX | {"id": "bigint", "amount": "numeric", "active": "boolean", "seen_at": "timestamp"}
COLUMNS = {6: SIX, 10: TEN}
BAD = 0.01  # of the rows of a dirty file
BLOCK = 10_000  # rows


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of file: its rows, its columns, and what they are like."""

    rows: int
    columns: int
    like: str  # plain, quoted or dirty
    in_order: bool = False  # of its record_date, as what is logged day by day is

    @property
    def name(self) -> str:
        """As it is called in the tables and by --only."""
        return f"{self.rows / 1e6:g}M-{self.columns}-{self.like}" + ("-in-order" if self.in_order else "")

    @property
    def types(self) -> dict[str, str]:
        """Its columns and their types."""
        return COLUMNS[self.columns]

    @property
    def told(self) -> dict[str, str]:
        """Of these, what has to be told: whole numbers too large for a bigint are decimal numbers for whoever infers."""
        return {"age": "bigint"} if self.like == "dirty" else {}

    def clean(self) -> Sort:
        """The same without bad rows: what psql can take."""
        return Sort(self.rows, self.columns, "plain" if self.like == "dirty" else self.like, self.in_order)


def write(sort: Sort, path: Path) -> int:
    """Write the file; the number of its bad rows."""
    draw, bad = random.Random(sort.name), 0
    with path.open("wb") as out:
        out.write((",".join(sort.types) + "\n").encode())
        for at in range(0, sort.rows, BLOCK):
            data = b"".join(people.blocks(min(sort.rows, at + BLOCK), start=at))
            if sort.columns == 10 or sort.like != "plain" or sort.in_order:
                data, spoilt = _rewritten(data, sort, at, draw)
                bad += spoilt
            out.write(data)
    return bad


def _rewritten(data: bytes, sort: Sort, first: int, draw: random.Random) -> tuple[bytes, int]:
    out = io.StringIO(newline="")
    quoted = sort.like == "quoted"
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    bad = 0
    for number, row in enumerate(csv.reader(io.StringIO(data.decode(), newline="")), start=first):
        if sort.in_order:
            row[5] = f"{2010 + number * 11 // sort.rows:04}-{number * 132 // sort.rows % 12 + 1:02}-{number % 28 + 1:02}"
        if sort.columns == 10:
            row += _more(number, draw)
        if quoted:
            row[0] = row[0].replace(" ", ' "the" ')
        elif sort.like == "dirty" and draw.random() < BAD:
            _spoil(row, draw)
            bad += 1
        writer.writerow(row)
    return out.getvalue().encode(), bad


def _more(number: int, draw: random.Random) -> Iterator[str]:
    """The four columns that make ten of six."""
    chance = draw.getrandbits(40)
    yield str(10_000_000_000 + number)
    yield f"{chance % 100_000}.{chance % 97:02}"
    yield "true" if chance & 1 else "false"
    yield f"2024-{chance % 12 + 1:02}-{chance % 28 + 1:02} {chance % 24:02}:{chance % 60:02}:{chance % 59:02}"


def _spoil(row: list[str], draw: random.Random) -> None:
    """Make one of five things wrong with a row."""
    match draw.randrange(5):
        case 0:
            row[1] += "x"  # no number
        case 1:
            row[5] = f"{row[5][:4]}-02-30"  # no such day
        case 2:
            del row[4:]  # fields are missing
        case 3:
            row[2] = "\0"  # no text
        case _:
            row[1] = "99999999999999999999"  # too large
