"""Is what runs on this machine well? `python -m waystation.health [web | worker | ready]` ends with 0 if it is.

For the probes of container engines, which ask every few seconds: it imports no more than it needs, so that asking costs some
hundredths of a second of CPU. `web`: /healthz answers. `worker`: its last sign of life is young, whether or not the database
answers (a restart would not mend that). `ready`: the database has heard it too, and the worker takes tasks. Without a word: the
worker, where one has given a sign of life, else the web server.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

STALE = 60.0  # seconds of silence after which a worker counts as dead; its longest passes take a few
PATIENCE = 3.0  # seconds that the web server gets for its answer
PORT = 5000  # where nothing else is set
TAKES, TAKES_NOT = "takes tasks\n", "takes no tasks\n"


def beat(pulse: Path, *, takes_tasks: bool) -> None:
    """A sign of life of a worker, and whether it takes tasks (it is known to the database, and was not asked to end)."""
    fresh = pulse.with_name(f".{pulse.name}")
    fresh.write_text(TAKES if takes_tasks else TAKES_NOT)
    fresh.replace(pulse)


def listening(pulse: Path) -> Path:
    """The file that is there while the worker's Celery main listens for rings."""
    return pulse.with_suffix(".listening")


def worker(pulse: Path | None) -> str:
    """What is wrong with the worker; an empty string for nothing."""
    if pulse is None:
        return "WAYSTATION_PULSE names no file for the worker's signs of life."
    try:
        age = time.time() - pulse.stat().st_mtime
    except FileNotFoundError:
        return f"No worker has begun here: there is no {pulse}."
    return "" if age < STALE else f"The worker has given no sign of life for {age:.0f} s."


def ready(pulse: Path | None) -> str:
    """Why the worker takes no tasks; an empty string if it does."""
    wrong = worker(pulse)
    if wrong or pulse is None:
        return wrong
    if not listening(pulse).exists():
        return "The worker takes no tasks: its Celery main does not listen (yet)."
    return "" if pulse.read_text() == TAKES else "The worker takes no tasks: it ends, or the database does not know of it."


def web(port: int) -> str:
    """What is wrong with the web server; an empty string for nothing."""
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return f"The web server does not answer at port {port}: {error}."
    finally:
        connection.close()
    return "" if status == 200 else f"The web server answers {status} at port {port}."


def main(words: list[str]) -> int:
    """Say what is wrong, if anything is; the exit code."""
    # Read here and not by `Settings`, which costs ten times as much as all the rest; a test holds the names together.
    named = os.environ.get("WAYSTATION_PULSE")
    pulse = Path(named) if named else None
    port = int(os.environ.get("WAYSTATION_PORT") or PORT)
    match words:
        case ["web"]:
            wrong = web(port)
        case ["worker"]:
            wrong = worker(pulse)
        case ["ready"]:
            wrong = ready(pulse)
        case []:
            wrong = worker(pulse) if pulse is not None and pulse.exists() else web(port)
        case _:
            wrong = "Usage: python -m waystation.health [web | worker | ready]"
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
