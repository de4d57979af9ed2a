"""The locks of the image: is a hole known in what is locked, and what has a newer major version?

`python -m tests.access.lock UV` prints it, with the program uv. Known holes are looked for by pip-audit, which asks a service
for them; where none can be reached it says so plainly: then nothing was checked. It ends with 1 if a hole is known.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.version import Version

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "image"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, Version]:
    """What is locked, by name."""
    return {name.lower(): Version(version) for name, version in _PIN.findall(lock.read_text(encoding="utf-8"))}


def holes(lock: Path) -> list[str] | None:
    """The holes that are known in what is locked; None if nobody could be asked."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    asked = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off", "--timeout", "5"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None
    skipped = [part["name"] for part in found if "skip_reason" in part]
    if skipped:
        return None
    return [
        f"{part['name']} {part['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for part in found
        for hole in part["vulns"]
    ]


def newest(uv: str, names: set[str]) -> dict[str, Version] | None:
    """The newest version of each that the package index has; None if it can't be asked."""
    command = [uv, "pip", "compile", "--quiet", "--upgrade", "--no-deps", "--no-header", "--no-annotate"]
    asked = subprocess.run(
        [*command, "--python-version", "3.13", "-"], input="\n".join(sorted(names)), capture_output=True, text=True, check=False
    )
    found = {name.lower(): Version(version) for name, version in _PIN.findall(asked.stdout)}
    return found if not asked.returncode and found else None


def main() -> int:
    """Print, and the exit code."""
    locks = {path.name: pins(path) for path in sorted(FOLDER.glob("*.lock"))}
    every = {name: version for found in locks.values() for name, version in found.items()}
    code = 0
    for name, found in locks.items():
        known = holes(FOLDER / name)
        if known is None:
            print(f"{name}: holes in its {len(found)} packages were NOT looked for: no service that lists them can be reached")
            continue
        print("\n".join([*known, f"{name}: {len(known)} known holes in {len(found)} packages"]))
        code = code or int(bool(known))
    latest = newest(sys.argv[1], set(every))
    if latest is None:
        print("What is newer was NOT looked for: the package index can't be asked")
        return code
    behind = {name: (version, latest[name]) for name, version in every.items() if latest.get(name, version) > version}
    major = sorted(name for name, (version, last) in behind.items() if last.major > version.major)
    for name in major:
        print(f"{name} {behind[name][0]} is locked; {behind[name][1]} is the newest")
    print(
        f"{len(every)} packages are locked: {len(every) - len(behind)} are the newest, {len(major)} lag behind a major version"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
