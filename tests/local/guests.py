"""Users of the private servers in processes of their own, to be killed and to be other people."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
import pytest

import waystation
from tests.support import wait_until
from waystation.local.paths import Home
from waystation.local.process import leftovers

ROOT = os.geteuid() == 0
STRANGER = 54321  # a uid that has no entry in /etc/passwd
NAMESPACE = ("unshare", "--user", "--map-root-user")  # root for oneself, in a world that knows no other user
needs_namespaces = pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0,
    reason="this system gives nobody a user namespace",
)
needs_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")
KEPT = "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 7 AS n"
GONE = 3.0 + 5.0  # seconds within which all is gone after the last user: 3 promised, and what a loaded machine adds

GUEST = """
import json, sys
from pathlib import Path
from waystation.errors import WaystationError
from waystation.local import lodge
try:
    stay = lodge(Path(sys.argv[1]), **json.loads(sys.argv[2]))
except WaystationError as error:
    print(json.dumps({"error": type(error).__name__, "detail": error.detail, "remedy": error.hint}), flush=True)
    sys.exit(1)
if sys.argv[3]:
    exec(sys.argv[3])
print(json.dumps({"database": stay.servers.database_url, "broker": stay.servers.redis_url}), flush=True)
sys.stdin.read()
stay.close()
"""


class Guest:
    """A process that lodges in `home` until it is told to leave, is killed, or the block ends."""

    def __init__(
        self,
        home: Path,
        *,
        uid: int | None = None,
        wrap: tuple[str, ...] = (),
        also: str = "",
        bare: bool = False,
        **asked: Any,
    ) -> None:
        """As whom; in what; what else it does; in a Python with no package but Waystation; and what it asks of `lodge`."""
        program, environ = (sys.executable, dict(os.environ)) if uid is None else python_for(uid)
        if bare:
            program, environ = sys._base_executable, {**environ, "PYTHONPATH": str(Path(waystation.__file__).parents[1])}  # type: ignore[attr-defined]
        person: dict[str, Any] = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        self.home = home
        self.process = subprocess.Popen(
            [*wrap, program, "-c", GUEST, str(home), json.dumps(asked), also],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            cwd="/",
            **person,
        )

    @functools.cached_property
    def told(self) -> dict[str, str]:
        """What it learned: the addresses, or the error. Waits for it."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the guest died without a word"
        told: dict[str, str] = json.loads(line)
        return told

    def leave(self) -> None:
        """Let it end in good order."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        wait_until(lambda: nothing_left(self.home), GONE)


@functools.cache
def _python_for(uid: int) -> tuple[str, str] | None:
    paths = os.pathsep.join(path for path in sys.path if path.endswith(("site-packages", "/src")))
    for program in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        try:
            tried = subprocess.run(
                [program, "-c", "import waystation.local"],
                env={"PYTHONPATH": paths},
                user=uid,
                group=uid,
                extra_groups=[],
                capture_output=True,
                check=False,
                cwd="/",
            )
        except OSError:
            continue
        if tried.returncode == 0:
            return program, paths
    return None


def python_for(uid: int) -> tuple[str, dict[str, str]]:
    """A Python, and its environment, with which this user can import Waystation; skips the test if there is none."""
    found = _python_for(uid)
    if found is None:
        pytest.skip(f"no Python with Waystation can be reached by uid {uid}")
    return found[0], {"PYTHONPATH": found[1], "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.defpath}


def ask(url: str | None, sql: str) -> Any:
    """The first value that the database answers."""
    assert url
    with psycopg.connect(url) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def command(url: str | None, *words: str) -> bytes:
    """What the broker answers to one command, raw."""
    assert url
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(url.removeprefix("redis+socket://"))
        client.sendall(b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)]))
        return client.recv(4096)


def keepers(home: Path) -> list[psutil.Process]:
    """The living keepers of a home."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            argv = process.cmdline()
            if "waystation.local.keeper" in argv and str(home) in argv and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def keeper(home: Path) -> psutil.Process:
    """The one keeper of a home."""
    (found,) = keepers(home)
    return found


def server(home: Path, name: str) -> psutil.Process:
    """The keeper's child of this name."""
    (found,) = [child for child in keeper(home).children() if child.name() == name]
    return found


def gone(*processes: psutil.Process) -> bool:
    """Whether all have ended. One that init has yet to reap has ended too."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def nothing_left(home: Path) -> bool:
    """No keeper, no server, no sockets."""
    prefix = Home(home)._sockets_prefix()
    at_work = leftovers(home / "postgres" / "data") + leftovers(home / "valkey")
    return not keepers(home) and not at_work and not list(Path("/tmp").glob(f"{prefix}*"))


def copy_of(home: Path, to: Path) -> Path:
    """A copy of a home that nobody uses."""
    shutil.copytree(home, to, symlinks=True)
    return to
