"""How fast imports and exports are, beside what people do today, in one run.

    python -m benchmarks.csv_speed [--quick] [--only PART] [--rounds 5]

Every figure x is a ratio to `psql \\copy` in the same round, of the clean file where ours is dirty: higher is faster. Ours
counts from the submission of the task to its success, by a real worker: types checked, rejects exact, checkpoints, publish.
The file is taken in before, as psql has its file before. Processor seconds are those of the client (psql, a program, or the
whole worker) and of PostgreSQL with all its processes; the peak is that of the client's largest process. What is slow gets
fewer rows, and its seconds are multiplied: its note says so. The exit code is 1 if a bar is missed.

Parts: imports by the name of their file (1M-6-plain …), exports by `export-` and the same. --only takes the beginning of one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.csv_speed import data, meter, ours
from benchmarks.csv_speed.compare import Case, Claim, rounds
from benchmarks.csv_speed.data import Sort
from benchmarks.csv_speed.stage import Ours, Stage, set_up
from waystation.model import SQL_TYPES

IMPORT, DIRTY_IMPORT, EXPORT, FORERUNNER = 1.5, 1.5, 1.1, 100.0  # the bars
FALLBACK, DIRTY_FALLBACK = 0.8, 0.5
FEWER = {"pandas_copy": 200_000, "pandas_to_sql": 50_000, "django_import_export": 20_000, "row_by_row": 10_000}
QUICK = {"pandas_copy": 100_000, "pandas_to_sql": 5_000, "django_import_export": 5_000, "row_by_row": 2_000}  # and once
RANGE = ("2013-01-01", "2016-01-31")  # 28 % of the rows
LIKE = ("plain", "quoted", "dirty")


class Bench:
    """The parts, on one stage."""

    def __init__(self, stage: Stage, count: int, *, quick: bool, without: Sequence[str] = ()) -> None:
        self.stage, self.count, self.quick = stage, count, quick
        self.rivals = {name: rows for name, rows in (QUICK if quick else FEWER).items() if name not in without}
        self.files: dict[Sort, tuple[Path, int]] = {}
        self._number = 0

    def file(self, sort: Sort) -> tuple[Path, int]:
        """The file of a sort, and how many of its rows are bad."""
        if sort not in self.files:
            path = self.stage.folder / f"{sort.name}.csv"
            self.files[sort] = (path, data.write(sort, path))
        return self.files[sort]

    # -- imports
    def imports(self, sort: Sort) -> bool:
        """One table: a file by psql, by us with each encoder, and the smallest one by everybody else."""
        dirty = sort.like == "dirty"
        bars = {"waystation": DIRTY_IMPORT if dirty else IMPORT, "fallback": DIRTY_FALLBACK if dirty else FALLBACK}
        cases = [Case("psql \\copy", partial(self._psql_in, sort.clean()), "of the clean file" if dirty else "")]
        cases += [Case(name, partial(self._ours_in, each, sort), bar=bars[name]) for name, each in self.stage.ours.items()]
        claims = []
        if sort == Sort(1_000_000, 6, "plain"):
            turns = 1 if self.quick else None
            for name, rows in self.rivals.items():
                note = f"{rows:,} rows, times {sort.rows / rows:g}"
                cases.append(Case(name, partial(self._rival, name, sort, rows), note, turns=turns))
            claims += [Claim("waystation", "row_by_row", FORERUNNER)] if "row_by_row" in self.rivals else []
        held = rounds(f"import of {sort.name}", cases, self.count, claims)
        for path, _ in self.files.values():
            path.unlink()
        self.files.clear()
        return held

    def _psql_in(self, sort: Sort) -> meter.Taken:
        self._table(sort)
        path, _ = self.file(sort)
        names = ", ".join(sort.types)
        return self._psql(self.stage.rivals, f"\\copy people ({names}) from '{path}' (format csv, header)", sort.rows)

    def _psql(self, url: str, command: str, rows: int) -> meter.Taken:
        self.stage.settle()
        taken, said = meter.run(self.stage.postmaster, [self.stage.psql, "-X", "-d", url, "-c", command], {})
        if said.strip() != f"COPY {rows}":
            sys.exit(f"psql said {said.strip()!r} and not COPY {rows}.")
        return taken

    def _ours_in(self, each: Ours, sort: Sort) -> meter.Taken:
        path, bad = self.file(sort)
        self._number += 1
        taken, task = ours.load(self.stage, each, path, f"bench_{self._number}", sort.told, rows=sort.rows, bad=bad)
        assert task.result is not None
        found = {c["name"]: c["type"] for c in task.result["columns"]}
        if found != sort.types:
            sys.exit(f"The columns of {sort.name} are {found}: no fair comparison to a table of {sort.types}.")
        ours.undo(each, task)
        return taken

    def _rival(self, name: str, sort: Sort, rows: int) -> meter.Taken:
        self._table(sort)
        path, _ = self.file(sort)
        self.stage.settle()
        given = [name, str(path), str(rows), self.stage.rivals, self.stage.redis]
        taken, said = meter.run(self.stage.postmaster, [sys.executable, "-m", "benchmarks.csv_speed.rivals", *given], {})
        taken.seconds = float(said)
        return taken.scaled(sort.rows / rows)

    def _table(self, sort: Sort) -> None:
        """An empty table with the columns that the file has, as ours has them."""
        columns = [sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(SQL_TYPES[t])) for n, t in sort.types.items()]
        with psycopg.connect(self.stage.rivals, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS people")
            connection.execute(sql.SQL("CREATE TABLE people ({})").format(sql.SQL(", ").join(columns)))

    # -- exports
    def exports(self, sort: Sort) -> bool:
        """One table for a range of dates and one for all rows: by psql out of our table, and by us."""
        each = self.stage.ours["waystation"]
        path, bad = self.file(sort)
        dataset = f"out_{len(self.files)}"
        _, task = ours.load(self.stage, each, path, dataset, sort.told, rows=sort.rows, bad=bad)
        held = True
        for what, chosen in (("a range of dates", RANGE), ("all rows", None)):
            cases = [
                Case("psql \\copy (select …)", partial(self._psql_out, each, sort, dataset, chosen)),
                Case("waystation", partial(self._ours_out, each, dataset, chosen), bar=EXPORT),
            ]
            held &= rounds(f"export of {what} of {sort.name}", cases, self.count)
        ours.undo(each, task)
        path.unlink()
        self.files.clear()
        return held

    def _psql_out(self, each: Ours, sort: Sort, dataset: str, chosen: tuple[str, str] | None) -> meter.Taken:
        table, names = f"datasets.{dataset}", ", ".join(sort.types)
        where = f" where record_date between '{chosen[0]}' and '{chosen[1]}'" if chosen else ""
        with psycopg.connect(each.house.database_url) as connection:
            found = connection.execute(f"select count(*) from {table}{where}".encode()).fetchone()
        assert found is not None
        out = self.stage.folder / "out.csv"
        command = f"\\copy (select {names} from {table}{where}) to '{out}' (format csv, header)"
        return self._psql(each.house.database_url, command, found[0])

    def _ours_out(self, each: Ours, dataset: str, chosen: tuple[str, str] | None) -> meter.Taken:
        self.stage.settle()
        params = {"dataset": dataset, **({"from": chosen[0], "till": chosen[1]} if chosen else {})}
        taken, task = ours.timed(self.stage, each, "export", dict(params))
        theirs, mine = self.stage.folder / "out.csv", ours.result(each, task)
        if theirs.exists() and theirs.stat().st_size != mine.stat().st_size:  # in another order, but of the same bytes
            sys.exit(f"The export of {dataset} has {mine.stat().st_size} bytes, that of psql {theirs.stat().st_size}.")
        return taken


def parts(bench: Bench, quick: bool) -> dict[str, Callable[[], bool]]:
    """All that can be asked for, by name."""
    sizes = (1_000_000,) if quick else (1_000_000, 5_000_000)
    made: dict[str, Callable[[], bool]] = {}
    for sort in [Sort(rows, columns, like) for rows in sizes for columns in (6, 10) for like in LIKE]:
        made[sort.name] = partial(bench.imports, sort)
    for sort in [Sort(rows, columns, "plain") for rows in sizes for columns in (6, 10)]:
        made[f"export-{sort.name}"] = partial(bench.exports, sort)
    ordered = Sort(sizes[-1], 6, "plain", in_order=True)
    made[f"export-{ordered.name}"] = partial(bench.exports, ordered)
    return made


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three rounds, a million rows, slow rivals once")
    parser.add_argument("--rounds", type=int, help="rounds of each table (5)")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="parts that begin so; may be repeated")
    parser.add_argument("--without", action="append", default=[], metavar="CASE", help="leave out: fallback, or a rival's name")
    asked = parser.parse_args(given)
    encoders = {name: how for name, how in {"waystation": "compiled", "fallback": "arrow"}.items() if name not in asked.without}
    held = []
    with set_up(encoders) as stage:
        bench = Bench(stage, asked.rounds or (3 if asked.quick else 5), quick=asked.quick, without=asked.without)
        for each in stage.ours.values():  # the first task of a process pays for what it loads
            ours.undo(each, ours.load(stage, each, bench.file(Sort(1000, 6, "plain"))[0], "warm", {}, rows=1000, bad=0)[1])
        chosen = {n: p for n, p in parts(bench, asked.quick).items() if not asked.only or n.startswith(tuple(asked.only))}
        held = [(name, part()) for name, part in chosen.items()]
        gains = sorted(meter.gain() for _ in range(3))
    print(f"Two processes get {gains[1]:.2f} times as much done as one on this machine.")
    missed = [name for name, good in held if not good]
    print("Every bar is held." if not missed else f"Bars are missed in: {', '.join(missed)}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
