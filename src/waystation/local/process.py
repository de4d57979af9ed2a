"""Start a server as somebody, tied to its parent's life; find and end what an earlier one left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LINUX = sys.platform == "linux"
Pulse = Callable[[float], None]
"""Wait so many seconds, unless something happens before. It raises when the keeper is to leave."""

_CLONE_NEWUSER = 0x10000000
_SET_PDEATHSIG, _SET_KEEPCAPS, _CAP_AMBIENT, _AMBIENT_RAISE = 1, 8, 47, 2
_DAC_OVERRIDE = 1
_CAPABILITY_V3 = 0x20080522


class StartFailed(Exception):
    """A server did not start this time; the keeper tries again. Users never see it."""


@dataclass(frozen=True)
class Identity:
    """Whom a server runs as.

    `uid`, `gid`: somebody else than we are (root only). `reach`: with the right to pass through closed folders, which root's
    home is (CAP_DAC_OVERRIDE and nothing else). `alias`: we ourselves, in a user namespace that shows us as this uid.
    """

    uid: int | None = None
    gid: int | None = None
    reach: bool = False
    alias: int | None = None

    @property
    def owns(self) -> int:
        """The uid that owns the files of a server that runs so."""
        return os.geteuid() if self.uid is None else self.uid

    def __str__(self) -> str:
        if self.alias is not None:
            return f"uid {os.geteuid()}, shown as uid {self.alias} in a user namespace"
        return f"uid {self.owns}" + (" with CAP_DAC_OVERRIDE" if self.reach else "")


def named(uid: int) -> bool:
    """Whether the system knows a user of this number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def unprivileged() -> pwd.struct_passwd | None:
    """`nobody`, or any user at all who is not root."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        return next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)


def identities(owner: tuple[int, int], *, refuses_root: bool) -> list[Identity]:
    """Whom a server may run as, the plainest first. `owner` is whom the home belongs to.

    A server that `refuses_root` (PostgreSQL) also wants its uid to have a name.
    """
    me, other = os.geteuid(), unprivileged()
    found: list[Identity] = []
    if me == 0 and owner[0] != 0 and named(owner[0]):
        found.append(Identity(*owner))
    elif me == 0 and refuses_root and other:
        found.append(Identity(other.pw_uid, other.pw_gid))
    elif me != 0 and (named(me) or not refuses_root):
        return [Identity()]
    if LINUX:
        found += [Identity(one.uid, one.gid, reach=True) for one in found]
        if refuses_root and other:
            found.append(Identity(alias=other.pw_uid))
    if not refuses_root:
        found.append(Identity())
    return found


def launch(
    argv: Sequence[str | Path],
    identity: Identity = Identity(),
    *,
    parting: signal.Signals = signal.SIGKILL,
    cwd: Path = Path("/"),
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    output: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program as `identity`, in a session of its own and a bare environment.

    On Linux the kernel sends it `parting` when this process dies, however that happens; the caller must be the main thread
    of a process without others. Raises OSError or subprocess.SubprocessError when it can't be started so.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True)

    def become() -> None:  # runs in the child, which has one thread, between fork and exec
        if identity.alias is not None:
            _enter_namespace(libc, identity.alias)
        elif identity.uid is not None and identity.gid is not None:
            if identity.reach:
                _call(libc.prctl, _SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(identity.gid)
            os.setuid(identity.uid)
            if identity.reach:
                _keep_reach(libc)
        if LINUX:  # last: a change of credentials clears it
            _call(libc.prctl, _SET_PDEATHSIG, int(parting), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(
        [str(part) for part in argv],
        cwd=cwd,
        env=_environment(),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=become,
    )


def end(process: subprocess.Popen[bytes], signals: Sequence[tuple[signal.Signals, float]]) -> None:
    """End a child: each signal with the seconds it is given, then SIGKILL."""
    for number, seconds in signals:
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
    process.kill()
    process.wait()


def leftovers(folder: Path) -> list[int]:
    """The processes at work in this folder: a server that outlived its keeper, or what a killed one left behind.

    A process id in a file proves nothing (it may long be somebody else's); where a process stands does.
    """
    if not LINUX:
        listed = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        return [int(line.split()[0]) for line in listed.stdout.splitlines() if f" {folder}" in line]
    found = []
    wanted = str(folder.resolve())
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):  # it has gone, or is another user's and so not ours
                if os.readlink(f"/proc/{entry}/cwd") == wanted:
                    found.append(int(entry))
    return found


def expel(folder: Path, pulse: Pulse) -> None:
    """End the processes at work in this folder: they are given 1.5 s to end by themselves (their keeper's death has told
    them to), 5 s after SIGQUIT, and are killed then."""
    for number, rounds in ((None, 30), (signal.SIGQUIT, 100), (signal.SIGKILL, 100)):
        for pid in leftovers(folder) if number else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)  # type: ignore[arg-type]
        for _ in range(rounds):
            if not leftovers(folder):
                return
            pulse(0.05)
    raise StartFailed(f"The processes {leftovers(folder)} still use {folder} and do not end.")


def _environment() -> dict[str, str]:
    """PG* or LC_* of the caller would change what the server does, and its secrets are not the server's business."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", **kept}


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _enter_namespace(libc: ctypes.CDLL, alias: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _call(libc.unshare, _CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{alias} {uid} 1"), ("gid_map", f"{alias} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _keep_reach(libc: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_V3, 0)
    bit = 1 << _DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; low word, then high
    _call(libc.capset, header, sets)
    _call(libc.prctl, _CAP_AMBIENT, _AMBIENT_RAISE, _DAC_OVERRIDE, 0, 0)
