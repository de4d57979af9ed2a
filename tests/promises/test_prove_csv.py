"""What is claimed of imports, on generated files: each bad row is told and can be mended, and cuts leave no trace.

Small in the suite; `make prove-csv` runs it with ROWS=1000000 BAD=1000 and CUTS=50, and prints what it did.
"""

from __future__ import annotations

import csv
import io
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from tests.conftest import StartWorker
from tests.promises.exporting import content, done, export
from tests.support import at_state, children, send, wait_until
from waystation.model import State, Task, Verb
from waystation.states import FINAL
from waystation.wiring import House

ROWS = int(os.environ.get("ROWS", "4000"))
BAD = int(os.environ.get("BAD", "40"))
CUTS = int(os.environ.get("CUTS", "2"))
QUOTED = int(os.environ.get("QUOTED", "30000"))
SEED = int(os.environ.get("SEED", "1"))

TYPES = {
    "n": "integer",
    "name": "text",
    "amount": "numeric",
    "day": "date",
    "active": "boolean",
    "id": "uuid",
    "at": "time",
    "data": "json",
}
NAMES = list(TYPES)
Row = list[str]


@dataclass(frozen=True)
class Sort:
    """A way in which a row is bad: what is done to it, the column that is named, and the reason."""

    spoil: Callable[[Row], Row]
    column: str | None
    reason: str


def cell(name: str, value: str, reason: str) -> Sort:
    """One cell that holds what its column can't take."""
    at = NAMES.index(name)
    return Sort(lambda row: [*row[:at], value, *row[at + 1 :]], name, reason)


SORTS = (
    cell("n", "12x", "'12x' is not a whole number"),
    cell("n", "3000000000", "'3000000000' is out of range: whole numbers go from -2147483648 to 2147483647"),
    cell("amount", "12,50", "'12,50' is not a decimal number"),
    cell("day", "2023-02-29", "'2023-02-29' is not a date: February 2023 has 28 days"),
    cell("active", "perhaps", "'perhaps' is neither true nor false"),
    cell("id", "01234567-89ab", "'01234567-89ab' is not a UUID: they are written 01234567-89ab-cdef-0123-456789abcdef"),
    cell("at", "25:00:00", "'25:00:00' is not a time: times go from 00:00:00 to 24:00:00"),
    cell("data", '{"a": }', """'{"a": }' is not JSON: expecting value at character 7"""),
    cell("name", "", "a value is required"),
    Sort(lambda row: row[:-1], None, "has 7 fields, the header has 8"),
)


def good_row(n: int, draw: random.Random) -> Row:
    """A row as an export writes it again; some of its texts hold quotes, delimiters and line ends."""
    name = draw.choice(("Ada", "a, b", 'say "hi"', "two\nlines", "three\n\nlines", "é€😀", "x\r\ny"))
    return [
        str(n),
        f"{name} {n}",
        f"{draw.randrange(10**6)}.{draw.randrange(100):02}",
        str(date(2020, 1, 1) + timedelta(days=draw.randrange(1000))),
        draw.choice("tf"),
        str(uuid.UUID(int=draw.getrandbits(128))),
        f"{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}",
        f'{{"n": {n}}}',
    ]


def good_rows() -> Iterator[Row]:
    """All rows, always the same ones."""
    draw = random.Random(SEED)
    return (good_row(n, draw) for n in range(1, ROWS + 1))


def test_each_bad_row_is_told_and_the_mended_rejects_complete_the_dataset(desk: House) -> None:
    began = time.monotonic()
    draw = random.Random(f"places {SEED}")
    spoilt = {n: SORTS[at % len(SORTS)] for at, n in enumerate(draw.sample(range(1, ROWS + 1), BAD))}
    out, wanted = io.StringIO(newline=""), list[tuple[int, str]]()
    whole = io.StringIO(newline="")
    truth: dict[int, Row] = {}  # by the line of the bad row
    writer, clean = (csv.writer(target, lineterminator="\n") for target in (out, whole))
    writer.writerow(NAMES)
    clean.writerow(NAMES)
    line = 2
    for n, row in enumerate(good_rows(), 1):
        clean.writerow(row)
        sort = spoilt.get(n)
        if sort is not None:
            truth[line] = row
            wanted.append((line, sort.reason if sort.column is None else f"{sort.column}: {sort.reason}"))
            row = sort.spoil(row)
        writer.writerow(row)
        line += 1 + row[1].count("\n")
    data = out.getvalue().encode()
    assert line - 2 > ROWS, "lines are not records"

    options: dict[str, Any] = {"dataset": "proved", "types": TYPES, "constraints": {"name": {"required": True}}}
    first = done(desk, send(desk, data, **options))
    imported = time.monotonic()
    assert first.counts == {"good": ROWS - BAD, "bad": BAD}
    rejects = b"".join(desk.control.rejects(first.id)).decode()
    found = list(csv.reader(io.StringIO(rejects, newline="")))
    head, rows = found[0], found[1:]
    assert head == [*NAMES, "_line", "_error"]
    told = [(int(row[-2]), row[-1]) for row in rows]  # a row of too few fields has them behind its last one
    assert told == wanted

    mended = io.StringIO(newline="")
    mending = csv.writer(mended)
    mending.writerow(head)
    mending.writerows([*truth[int(row[-2])], *row[-2:]] for row in rows)
    second = done(desk, send(desk, mended.getvalue().encode(), **options))
    assert second.counts == {"good": BAD, "bad": 0}
    assert content(desk, done(desk, export(desk, dataset="proved", order="n"))) == whole.getvalue().encode()
    sorts = Counter(sort.column or "width" for sort in spoilt.values())
    print(
        f"\nprove-csv: {ROWS:,} rows on {line - 2:,} lines, {BAD:,} of them bad in {len(SORTS)} ways {dict(sorts)}:"
        f" each told with its line, column and reason; mended and sent again, all rows are equal. Imported in"
        f" {imported - began:.1f} s with the making of the file, {time.monotonic() - began:.1f} s in all; seed {SEED}."
    )


def quoted_csv(rows: int, seed: int) -> bytes:
    """A file in which quotes, doubled quotes and line ends within quotes are everywhere."""
    draw, out = random.Random(seed), io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["n", "one", "two"])
    pieces = ('""', '"', "\n", "\r\n", ",", "x", '","', "\n\n", 'say "no"', "é", " ")
    for n in range(rows):
        writer.writerow([n, "".join(draw.choices(pieces, k=4)), "".join(draw.choices(pieces, k=6)) + "."])
    return out.getvalue().encode()


@pytest.mark.long
def test_pauses_and_kills_anywhere_leave_no_trace(house: House, start_worker: StartWorker) -> None:
    began = time.monotonic()
    worker = start_worker(slots=1, chunk_rows=1000)
    data = quoted_csv(QUOTED, SEED)

    def run(dataset: str, cut: Callable[[Task], None] | None) -> tuple[Task, bytes]:
        task = send(house, data, dataset=dataset)
        if cut:
            cut(task)
        ended = at_state(house, task, State.SUCCEEDED, timeout=120)
        made, _ = house.control.submit("export", {"dataset": dataset}, actor="ann")
        at_state(house, made, State.SUCCEEDED, timeout=120)
        file = content(house, made)
        house.control.act(Verb.UNDO, task.id, actor="ann")
        return ended, file

    quiet, wanted = run("quiet", None)
    assert quiet.counts == {"good": QUOTED, "bad": 0}
    draw, cuts = random.Random(f"cuts {SEED}"), Counter[str]()
    for number in range(CUTS):
        how, share = draw.choice(("pause", "kill")), draw.uniform(0.0, 0.95)

        def cut(task: Task, how: str = how, share: float = share) -> None:
            def there() -> Task | None:
                now = house.control.get(task.id)
                return now if now.state in FINAL or (now.attempt and now.done >= share * len(data)) else None

            now = wait_until(there, 120, every=0.005)
            if now is None or now.state in FINAL:
                return
            if how == "kill":
                for child in children(worker.pid):
                    child.kill()
            else:
                house.control.act(Verb.PAUSE, task.id, actor="ann")
                wait_until(lambda: house.control.get(task.id).state in (State.PAUSED, *FINAL), 60)
                if house.control.get(task.id).state is State.PAUSED:
                    house.control.act(Verb.RESUME, task.id, actor="ann")

        ended, file = run(f"cut_{number}", cut)
        assert file == wanted, f"cut {number} of seed {SEED}: {how} at {share:.0%}"
        cuts[how if ended.attempt > 1 else "missed"] += 1
    print(
        f"\nprove-csv: {QUOTED:,} rows full of quotes, cut {CUTS} times {dict(cuts)}: the same bytes each time, in"
        f" {time.monotonic() - began:.0f} s; seed {SEED}."
    )
