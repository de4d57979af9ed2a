"""A program's minder: a small process between a worker and the program it runs. No death of the worker leaves an orphan.

`python minder.py PROGRAM ARGUMENT…`, with a pipe from the worker as standard input. The program gets a process group of its
own. Lines on the pipe are orders: stop (SIGSTOP to the group), cont, term. When the pipe ends, because the worker says so or is
dead, however it died, all that the program has started is killed. The exit code is the program's, or 128 and its signal.

Only the standard library is used, and little of it: this is started for each program.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
NOT_FOUND = 127
ORDERS = {b"stop": signal.SIGSTOP, b"cont": signal.SIGCONT, b"term": signal.SIGTERM}


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def main(argv: list[str]) -> int:
    """Run the program to its end, or to the pipe's."""
    _prctl(SET_CHILD_SUBREAPER, 1)  # what leaves the group (a daemon) becomes a child of this process, and can be found
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        program = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: _prctl(SET_PDEATHSIG, signal.SIGKILL),
        )
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", flush=True)
        return NOT_FOUND
    orders = b""
    while program.poll() is None:
        readable, _, _ = select.select([0, ended], [], [])
        if ended in readable:
            os.read(ended, 4096)
        if 0 in readable:
            data = os.read(0, 4096)
            if not data:
                break
            *lines, orders = (orders + data).split(b"\n")
            for line in lines:
                with suppress(ProcessLookupError):
                    os.killpg(program.pid, ORDERS[line])
    with suppress(ProcessLookupError, PermissionError):  # what it left running in its group
        os.killpg(program.pid, signal.SIGKILL)
    code = program.wait()
    _end_strays()
    return code if code >= 0 else 128 - code


def _end_strays() -> None:
    """Kill what the program has started and left, until nothing of it is there."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        children = _children()
        for pid in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not children:
            return  # this system does not tell
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
