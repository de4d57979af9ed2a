"""Running the command line as people do: as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

COMMAND = [sys.executable, "-m", "waystation"]


def environ(**given: str) -> dict[str, str]:
    """The environment without anybody's settings of Waystation, and with what is given."""
    own = ("WAYSTATION_", "DATABASE_URL", "REDIS_URL", "FLASK_", "COLUMNS", "LINES")  # a terminal tells its size itself
    return {**{k: v for k, v in os.environ.items() if not k.startswith(own)}, **given}


def run(*arguments: str, stdin: bytes = b"", timeout: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    done = subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, env=environ(**env), timeout=timeout)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass
class Up:
    """A `waystation up` that is ready."""

    process: subprocess.Popen[bytes]
    home: Path
    url: str
    said: str

    def __call__(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """One command against it."""
        return run(*arguments, stdin=stdin, WAYSTATION_URL=self.url, XDG_STATE_HOME=str(self.home / "state"))

    def json(self, *arguments: str) -> Any:
        """The JSON document that a command answers; it must have gone well."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def everybody(self) -> list[psutil.Process]:
        """Every process that has to do with this home: the supervisor's family, and the private servers."""
        found = {self.process.pid: psutil.Process(self.process.pid)} if self.process.poll() is None else {}
        for process in list(found.values()):
            found |= {child.pid: child for child in process.children(recursive=True)}
        return list({**found, **{p.pid: p for p in of_home(self.home)}}.values())


def of_home(home: Path) -> list[psutil.Process]:
    """The processes that name this home in their command or their settings, or stand in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status", "environ"]):
        facts = process.info
        setting = (facts["environ"] or {}).get("WAYSTATION_HOME") or ""
        if facts["status"] != psutil.STATUS_ZOMBIE and str(home) in " ".join(
            [setting, facts["cwd"] or "", *(facts["cmdline"] or [])]
        ):
            found.append(process)
    return found


def start_up(home: Path, *arguments: str, **env: str) -> Up:
    """`waystation up`, ready, on a free port."""
    command = [*COMMAND, "up", "--home", str(home), "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ(WAYSTATION_LOG="warning", **env))
    assert process.stdout is not None
    said = process.stdout.readline().decode()
    assert said, f"up ended with {process.wait()}"
    return Up(process, home, next(word for word in said.split() if word.startswith("http://")), said)
