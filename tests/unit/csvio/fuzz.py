"""Spoilt files through all encoders for so many seconds: `python -m tests.unit.csvio.fuzz SECONDS [SEED]`.

`make sanitize` runs this on a build that watches its memory. It begins with the files in nasty/ and with hard cells, cuts,
doubles, swaps and replaces pieces of them, reads each as columns of random types, and ends with 1 at the first difference.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from tests.unit.csvio.twins import CHECKS, ELSEWHERE, FORMATS, HARD, compare
from waystation.csvio import compiled, cuts
from waystation.csvio.arrow import cuts as loops
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import ColumnPlan
from waystation.csvio.types import TYPES

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parent / "nasty").glob("*.csv"))]
WORDS = [cell.encode() for cells in (*HARD.values(), ELSEWHERE) for cell in cells]
CUTTERS = {"plain": cuts.last_end, "compiled": compiled.last_end, "arrow": loops.last_end}
MARKS = [
    b",",
    b";",
    b'"',
    b'""',
    b"'",
    b"\n",
    b"\r",
    b"\r\n",
    b"\\",
    b"^",
    b'\\"',
    b"\\\n",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f\x98\x80",
    b"1" * 70,
    b"x" * 300,
]
KINDS = sorted(TYPES)


def spoil(data: bytes, draw: random.Random) -> bytes:
    """A few changes at random places."""
    made = bytearray(data)
    for _ in range(draw.randrange(8)):
        at = draw.randrange(len(made) + 1)
        until = min(len(made), at + draw.randrange(20))
        match draw.randrange(5):
            case 0:
                made[at:until] = b""
            case 1:
                made[at:at] = draw.choice(MARKS)
            case 2:
                made[at:at] = made[at:until] * draw.randrange(4)
            case 3:
                made[at:until] = draw.choice(WORDS)
            case _ if at < len(made):
                made[at] = draw.randrange(256)
    return bytes(made)


def table(draw: random.Random) -> bytes:
    """Rows of hard cells, some of them quoted, and mostly of the right type."""
    width = draw.randint(1, 4)
    kinds = [draw.choice(KINDS) for _ in range(width)]
    lines = []
    for _ in range(draw.randrange(12)):
        cells = [draw.choice(HARD[kind] if draw.random() < 0.7 else ELSEWHERE).encode() for kind in kinds]
        lines.append(b",".join(b'"' + cell + b'"' if draw.random() < 0.3 else cell for cell in cells))
    return draw.choice([b"\n", b"\r\n", b"\r"]).join(lines)


def one(draw: random.Random) -> int:
    """One input; its number of records."""
    shape = draw.random()
    data = (
        draw.randbytes(draw.randrange(80)) if shape < 0.1 else spoil(draw.choice(SEEDS) if shape < 0.5 else table(draw), draw)
    )
    escape = draw.choice((None, None, "\\", "^"))
    dialect = Dialect(
        delimiter=draw.choice(",,,,;\t|e. "),
        quote=draw.choice(('"', '"', "'", None)),
        escape=escape,
        doublequote=escape is None or draw.random() < 0.5,
    )
    width = data.split(b"\n")[0].count(dialect.delimiter.encode()) + 1 if draw.random() < 0.8 else draw.randint(1, 6)
    places = [draw.randrange(width) if draw.random() < 0.9 else None for _ in range(draw.randrange(width + 2))]
    plans = [
        ColumnPlan(at, f"c{at}", draw.choice(KINDS), draw.choice(FORMATS), draw.random() < 0.2, draw.choice(CHECKS))
        for at in places
    ]
    ends = {name: last_end(data, dialect) for name, last_end in CUTTERS.items()}
    assert len(set(ends.values())) == 1, ends
    return compare(data, dialect, plans, width, ragged=draw.choice(("reject", "reject", "trim", "fill")))


def main() -> int:
    """Run for the seconds given and tell how many inputs there were."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    inputs = records = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            records += one(random.Random(f"{seed}:{inputs}"))
        except BaseException:
            print(f"fuzz: input {inputs} of seed {seed} fails")
            raise
        inputs += 1
    print(f"fuzz: {inputs:,} inputs with {records:,} records, seed {seed}: the encoders agree on all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
