"""No secret is in the repository: every file that git knows is searched for what the forms of keys and tokens look like.

`python -m tests.access.secrets` prints the count, and ends with 1 if something is found.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORMS = {
    "a token of ours": rb"\bws_[A-Za-z0-9_-]{43}\b",
    "a private key": rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "an AWS key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": rb"\bgh[pousr]_[A-Za-z0-9]{36}\b",
    "a Slack token": rb"\bxox[abprs]-[A-Za-z0-9-]{10,}\b",
    "a JSON Web Token": rb"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.",
    "a password in a URL": rb"\b[a-z][a-z0-9+]{2,15}://[^\s:/@'\"<>{}$]{1,40}:(?!\*|x\b|secret|password)[^\s:/@'\"<>{}$%(]{8,}@",
}


def found() -> tuple[int, list[str]]:
    """How many files were searched, and each place with what it looks like."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    places = []
    for path in files:
        data = path.read_bytes() if path.is_file() else b""
        for what, form in FORMS.items():
            for match in re.finditer(form, data):
                line = data.count(b"\n", 0, match.start()) + 1
                places.append(f"{path.relative_to(ROOT)}:{line}: this looks like {what}")
    return len(files), places


def main() -> int:
    """Print, and the exit code."""
    searched, places = found()
    print("\n".join([*places, f"{searched} files searched for {len(FORMS)} forms of secrets: {len(places)} found"]))
    return 1 if places else 0


if __name__ == "__main__":
    sys.exit(main())
