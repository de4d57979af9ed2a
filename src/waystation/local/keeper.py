"""The keeper: a process in a session of its own that owns a home's private servers for as long as somebody uses them.

`python -m waystation.local.keeper HOME [FD]`: FD is the keeper's lock, taken by the user who starts it, so that no second
keeper can slip in between. Without FD it takes the lock itself and stays in the foreground.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from waystation.errors import NoLocalServer, WaystationError
from waystation.local.paths import Home
from waystation.local.postgres import Postgres
from waystation.local.process import StartFailed
from waystation.local.valkey import Valkey

TICK = 0.1  # seconds between two looks at who is there and what they want
PATIENCE = 3  # failed starts in a row before users are told


class Leave(Exception):
    """It is time to go: nobody is left, or a signal said so."""


class Keeper:
    """One thread, one loop: start what is wanted and not there, and look whether anybody is left."""

    def __init__(self, home: Home, lock: int) -> None:
        self.home = home
        self.lock = lock
        self.servers = (Valkey(home), Postgres(home))
        self.failures = {server.name: 0 for server in self.servers}
        self.retry_at = {server.name: 0.0 for server in self.servers}
        self.errors: dict[str, dict[str, str]] = {}
        self.looked = time.monotonic()
        self.told = ""
        self.sockets: Path | None = None  # remembered for the day when the home is gone, and the note in it
        self.signals = self._listen()

    def run(self) -> None:
        """Serve until it is time to leave, then stop the servers and remove what only a living keeper may show."""
        try:
            while True:
                for server in self.servers:
                    if self.home.wish(server.name).exists() and not server.alive():
                        self._start(server)
                self._tell()
                self._pulse(TICK)
        except Leave as reason:
            _say(f"leaves: {reason}")
        finally:
            self._leave()

    def _start(self, server: Valkey | Postgres) -> None:
        name = server.name
        if time.monotonic() < self.retry_at[name]:
            return
        if server.process is not None:
            _say(f"{name} has ended ({server.process.returncode}): starts it again")
            self._tell()
        try:
            server.start(self._pulse)
        except (NoLocalServer, StartFailed, OSError, subprocess.SubprocessError) as error:
            # A server fails for reasons of its own: the other is served on, and the users of this one are told.
            _say(f"{name} does not start: {error}")
            self.failures[name] += 1
            self.retry_at[name] = time.monotonic() + min(0.1 * 2 ** self.failures[name], 10)
            if isinstance(error, NoLocalServer) or self.failures[name] >= PATIENCE:
                remedy = error.hint if isinstance(error, WaystationError) else f"Look at the logs in {self.home.run}."
                self.errors[name] = {"detail": f"The private {name} can't be started: {error}", "remedy": remedy}
        else:
            _say(f"{name} runs as process {server.process.pid if server.process else '?'}")
            self.sockets = self.home.sockets()
            self.failures[name] = 0
            self.retry_at[name] = time.monotonic() + 0.2  # one that dies at once must not spin
            self.errors.pop(name, None)

    def _tell(self) -> None:
        """Write what users need to know, whole or not at all."""
        text = json.dumps({"urls": {s.name: s.url() for s in self.servers if s.alive()}, "errors": self.errors})
        if text != self.told:
            fresh = self.home.status.with_suffix(".new")
            fresh.write_text(text)
            self.home.give(fresh)
            fresh.replace(self.home.status)
            self.told = text

    def _pulse(self, seconds: float) -> None:
        """Wait, less long if a signal comes. Raises Leave when nobody is left or a signal asks for it."""
        ready, _, _ = select.select([self.signals], [], [], seconds)
        if ready:
            came = set(self.signals.recv(4096))
            if came & {signal.SIGTERM, signal.SIGINT}:
                raise Leave("was told to")
        if time.monotonic() - self.looked >= TICK:
            self.looked = time.monotonic()
            if not self._still_ours():
                raise Leave("the home folder is no longer there")
            # Kept until this process is gone: who comes meanwhile waits, and starts a fresh keeper then.
            if self.home.take(self.home.users_lock) is not None:
                raise Leave("nobody is left")

    def _still_ours(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.lock), self.home.keeper_lock.stat())
        except FileNotFoundError:
            return False

    def _leave(self) -> None:
        for server in reversed(self.servers):
            server.stop()
        if self._still_ours():
            self.home.status.unlink(missing_ok=True)
            for server in self.servers:
                self.home.wish(server.name).unlink(missing_ok=True)
            self.home.forget_sockets()
        elif self.sockets:
            shutil.rmtree(self.sockets, ignore_errors=True)
        os.close(self.lock)

    @staticmethod
    def _listen() -> socket.socket:
        """Signals become bytes on a socket, read where it is safe to act on them."""
        heard, told = socket.socketpair()
        heard.setblocking(False)
        told.setblocking(False)
        signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the caller may have blocked some
        return heard


def _say(words: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} keeper {os.getpid()} {words}", flush=True)


def main(argv: list[str]) -> int:
    """Keep the servers of the home that argv names."""
    home = Home(Path(argv[0]).absolute())
    os.umask(0o077)
    if len(argv) > 1:
        if os.fork():  # the user who started it waits for this half alone, and the other is nobody's zombie
            os._exit(0)
        lock = int(argv[1])
        os.set_inheritable(lock, False)
    else:
        home.create()
        taken = home.take(home.keeper_lock)
        if taken is None:
            _say("another keeper is here already")
            return 0
        lock = taken
    os.chdir("/")
    _say(f"keeps {home.root}")
    Keeper(home, lock).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
