"""Fuzz a target with atheris, which sees the ways that an input takes through our code, and changes what went a new one.

    python -m tests.fuzz csv --seconds 600     try inputs, beginning with the corpus; print how many, and the crashes
    python -m tests.fuzz csv --condense        the same, and then keep of all that was found what goes ways of its own

`make fuzz-csv` and `make fuzz-filters` run it. It ends with 1 at the first crash, with the input in hexadecimal.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import corpus

INSIDE = "tests.fuzz.inside"
MOST = 300  # bytes of an input


def run(target: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """atheris in a process of its own: it never returns."""
    again = folder / "again"
    command = [sys.executable, "-m", INSIDE, target, str(again)]
    again.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    again.chmod(0o700)
    return subprocess.run([*command, *arguments], stderr=subprocess.PIPE, text=True, errors="replace", check=False)


def fuzz(target: str, seconds: int, folder: Path, seed: int) -> int:
    """Try inputs for so long; the exit code."""
    folder.joinpath("crashes").mkdir()
    folder.joinpath("words").write_text(corpus.words(target))
    said = run(
        target,
        folder,
        f"-max_total_time={seconds}",
        f"-max_len={MOST}",
        f"-seed={seed}",
        f"-dict={folder / 'words'}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={folder / 'crashes'}/",
        str(folder / "corpus"),
    )
    tried = re.search(r"stat::number_of_executed_units: (\d+)", said.stderr)
    crashes = list(folder.joinpath("crashes").iterdir())
    if said.returncode or crashes or not tried:
        print(said.stderr[-4000:], file=sys.stderr)
    for crash in crashes:
        print(f"fuzz-{target}: this input crashes it: {crash.read_bytes().hex()}")
    found = len(list(folder.joinpath("corpus").iterdir()))
    count = int(tried[1]) if tried else 0
    print(f"fuzz-{target}: {count:,} inputs tried in {seconds} s (seed {seed}), {found:,} ways; {len(crashes)} crashes")
    return 1 if said.returncode or crashes or not tried else 0


def condense(target: str, folder: Path) -> None:
    """Keep the fewest and shortest of the files that go every way that some of them goes."""
    few = folder / "few"
    few.mkdir()
    run(target, folder, "-merge=1", f"-max_len={MOST}", str(few), str(folder / "corpus")).check_returncode()
    print(f"fuzz-{target}: {corpus.keep(target, few)} inputs are kept in {corpus.FOLDER.name}/{target}.json")


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["csv", "filters"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--condense", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="waystation-fuzz-") as name:
        folder = Path(name)
        corpus.unpack(asked.target, folder / "corpus")
        if code := fuzz(asked.target, asked.seconds, folder, asked.seed):
            return code
        if asked.condense:
            condense(asked.target, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
