"""Build the compiled parts with the address and undefined-behaviour sanitizers, run their tests and the fuzzer of CSV on them.

    python -m tests.unit.csvio.sanitize [SECONDS]

Needs gcc or clang with their sanitizers. The build lies in a temporary copy of the package and is gone at the end; the tests
that start servers are left out, as those would be watched too. Ends with 1 at the first fault, with the sanitizer's report.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "src" / "waystation"
WATCHED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1", "-g"]


def build(folder: Path) -> list[str]:
    """A copy of the package with the watched parts in it; the libraries that must be loaded before all others."""
    shutil.copytree(PACKAGE, folder / "waystation", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    compiler = os.environ.get("CC", "cc")
    include = sysconfig.get_paths()["include"]
    flags = ["-std=gnu11", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-DPy_LIMITED_API=0x030B0000", f"-I{include}"]
    for part in ("csvio/_encode", "storage/_drain"):
        made = folder / "waystation" / f"{part}.abi3.so"
        subprocess.run([compiler, *flags, *WATCHED, str(PACKAGE / f"{part}.c"), "-o", str(made)], check=True)
    names = ("libasan.so", "libubsan.so")
    asked = [subprocess.check_output([compiler, f"-print-file-name={name}"], text=True).strip() for name in names]
    return [path for path in asked if "/" in path]  # a name alone: the compiler has no such file, or needs none


def main() -> int:
    """Build, test, fuzz."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory(prefix="waystation-sanitize-") as name:
        folder = Path(name)
        watched = {
            **os.environ,
            "LD_PRELOAD": " ".join(build(folder)),
            "PYTHONPATH": os.pathsep.join([name, str(ROOT)]),
            "PYTHONMALLOC": "malloc",  # else the edges of Python's own objects are not watched
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # Python itself leaves things behind at its end
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
        watched["WAYSTATION_ENCODER"] = "compiled"  # other people's compiled code is not what is watched
        code = "from waystation.csvio import compiled; print('sanitize: watching', compiled._encode.__file__)"
        tests = [
            "-m",
            "pytest",
            "tests/unit/csvio",
            "tests/unit/test_drain.py",
            "-p",
            "no:cacheprovider",
            "--ignore=tests/unit/csvio/test_postgres.py",
        ]
        tests += ["-k", "not postgresql"]
        for command in (["-c", code], tests, ["-m", "tests.unit.csvio.fuzz", seconds]):
            done = subprocess.run([sys.executable, *command], env=watched, cwd=ROOT, check=False)
            if done.returncode:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
