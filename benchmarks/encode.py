"""How fast the encoders are: rows a second of both, on clean, quote-heavy and dirty data, and what memory they take.

    python benchmarks/encode.py [--rows 300000] [--rounds 5]

The data are the generated people (six columns), read in chunks of 50,000 rows as an import reads them; each cell of the
table is the median of the rounds, which take the encoders in turns. Memory is measured in a process of its own for each
encoder. Nothing is sent to a database here.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from waystation.csvio import people
from waystation.csvio.chunks import read_chunk
from waystation.csvio.dialect import Dialect
from waystation.csvio.encode import available
from waystation.csvio.encoded import ColumnPlan, Encode

KINDS = {"name": "text", "age": "bigint", "phone": "text", "email": "text", "address": "text", "record_date": "date"}
PLANS = [ColumnPlan(at, name, kind) for at, (name, kind) in enumerate(KINDS.items())]
CHUNK = 50_000  # rows
SORTS = {"clean": 0.0, "quote-heavy": 0.0, "0.1 % bad": 0.001, "1 % bad": 0.01, "10 % bad": 0.1, "100 % bad": 1.0}


def chunks(sort: str, rows: int) -> Iterator[bytes]:
    """The file of this sort, chunk by chunk."""
    draw = random.Random(sort)
    for start in range(0, rows, CHUNK):
        data = b"".join(people.blocks(min(rows, start + CHUNK), start=start))
        yield data if sort == "clean" else _spoilt(data, sort, draw)


def _spoilt(data: bytes, sort: str, draw: random.Random) -> bytes:
    out = io.StringIO(newline="")
    heavy = sort == "quote-heavy"
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if heavy else csv.QUOTE_MINIMAL)
    for row in csv.reader(io.StringIO(data.decode(), newline="")):
        if heavy:
            row[0] = row[0].replace(" ", ' "the" ')
        elif draw.random() < SORTS[sort]:
            match draw.randrange(4):
                case 0:
                    row[1] += "x"
                case 1:
                    row[5] = f"{row[5][:4]}-02-30"
                case 2:
                    del row[4:]
                case _:
                    row[2] = "\0"
        writer.writerow(row)
    return out.getvalue().encode()


def seconds(encode: Encode, data: list[bytes]) -> float:
    """How long the chunks take."""
    spent, record, line = 0.0, 1, 2
    for chunk in data:
        began = time.perf_counter()
        made = encode(chunk, Dialect(), PLANS, width=6, batch=1, first_record=record, first_line=line)
        spent += time.perf_counter() - began
        record, line = record + made.records, line + made.lines
    return spent


def measure_memory(name: str, path: Path) -> tuple[int, int]:
    """Kilobytes by which encoding raised the peak resident set over that of a chunk's bytes: after one chunk, after all."""
    found, start = [peak()], 0
    with path.open("rb") as source:
        while chunk := read_chunk(source, start, Dialect(), target_bytes=CHUNK * 100):
            if start == 0:
                found = [peak()]
            available()[name](chunk.data, Dialect(), PLANS, width=6, batch=1, first_record=1, first_line=1)
            found.append(peak())
            start = chunk.end
    return found[1] - found[0], found[-1] - found[0]


def peak() -> int:
    """Kilobytes of the largest resident set so far (Linux: getrusage would give the parent's, were it larger)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000, help="rows of each file")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, the encoders in turns")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory:
        print(json.dumps(measure_memory(given.memory[0], Path(given.memory[1]))))
        return
    names = list(available())
    print(f"{'rows a second':<14}" + "".join(f"{name:>12}" for name in names) + f"{'ratio':>8}{'MB/s':>8}", flush=True)
    for sort in SORTS:
        data = list(chunks(sort, given.rows))
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(given.rounds):
            for name, encode in available().items():
                times[name].append(seconds(encode, data))
        found = {name: statistics.median(spent) for name, spent in times.items()}
        ratio = statistics.median(a / b for a, b in zip(times[names[-1]], times[names[0]], strict=True))
        rates = "".join(f"{given.rows / found[name]:>12,.0f}" for name in names)
        print(f"{sort:<14}{rates}{ratio:>8.1f}{sum(map(len, data)) / found[names[0]] / 1e6:>8.0f}", flush=True)
    print("\npeak memory beyond a chunk's own bytes (5 MB), MB: after one chunk, after all")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        for chunk in chunks("1 % bad", given.rows):
            file.write(chunk)
        file.flush()
        for name in names:
            command = [sys.executable, __file__, "--memory", name, file.name]
            first, last = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            print(f"{name:<14}{first / 1024:>8.0f}{last / 1024:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
