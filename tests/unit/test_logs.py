"""Logs are a JSON object a line, with the task and its attempt, whatever number of processes write them to one place."""

from __future__ import annotations

import json
import os
import subprocess
import sys

WRITERS, LINES = 4, 200
SOURCE = f"""
import os, structlog
from waystation import logs
logs.set_up("info")
for _ in range({WRITERS}):
    if os.fork() == 0:
        with structlog.contextvars.bound_contextvars(task="t", attempt=os.getpid()):
            for n in range({LINES}):
                structlog.get_logger().info("said", n=n)
        os._exit(0)
for _ in range({WRITERS}):
    os.wait()
"""


def test_lines_of_several_processes_stay_whole() -> None:
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}  # as in the image: what is printed goes out in pieces
    done = subprocess.run([sys.executable, "-c", SOURCE], env=environ, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert len(lines) == WRITERS * LINES
    assert {line["task"] for line in lines} == {"t"}
    assert len({line["attempt"] for line in lines}) == WRITERS
