"""The users' side: hold the shared lock, see that a keeper lives, learn where its servers answer."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from waystation.errors import NoLocalServer
from waystation.local.paths import Home

log = logging.getLogger(__name__)
_WATCH = 0.5  # seconds between two looks at whether the keeper lives
_POLL = 0.02


@dataclass(frozen=True)
class Servers:
    """Where the private servers answer: `database_url` for psycopg, `redis_url` in the form that Celery takes."""

    database_url: str | None
    redis_url: str | None


class Lodging:
    """A user's stay with the private servers: they run until the last stay ends, by `close` or the death of its process.

    Unless `watch` is off, a thread looks whether the keeper lives and starts a new one if not; the addresses stay the same,
    so a client only has to connect again. A process that forks should turn it off and call `revive` itself.
    """

    def __init__(self, home: Home | None, wanted: tuple[str, ...], lock: int | None, servers: Servers, watch: bool) -> None:
        self.servers = servers
        self._home, self._wanted, self._lock = home, wanted, lock
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if home and watch:
            self._thread = threading.Thread(target=self._watch, name="waystation-lodging", daemon=True)
            self._thread.start()
        _stays.add(self)

    def revive(self, timeout: float = 60) -> None:
        """Start a new keeper if the old one is gone, and wait until the servers answer again: at most `timeout` seconds.

        Cheap when all is well. Raises NoLocalServer.
        """
        if self._home and not self._closed.is_set():
            _settle(self._home, self._wanted, time.monotonic() + timeout)

    def close(self) -> None:
        """End the stay. The last user's end stops the servers."""
        self._closed.set()
        if self._thread:
            self._thread.join()
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _watch(self) -> None:
        home = self._home
        assert home is not None
        while not self._closed.wait(_WATCH) and home.run.exists():
            try:
                lock = home.take(home.keeper_lock)
                if lock is not None:
                    log.warning("The keeper of %s is gone: a new one is started.", home.root)
                    _start_keeper(home, self._wanted, lock)
            except (NoLocalServer, OSError) as error:
                log.warning("The private servers of %s can't be revived: %s", home.root, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def lodge(home: Path, *, database: bool = True, broker: bool = True, timeout: float = 60, watch: bool = True) -> Lodging:
    """Use the private servers of this home, starting them if nobody does yet. Waits until they answer.

    Raises NoLocalServer when they can't be started on this machine or not within `timeout` seconds; it says why.
    """
    wanted = tuple(name for name, asked in (("database", database), ("broker", broker)) if asked)
    if not wanted:
        return Lodging(None, (), None, Servers(None, None), watch=False)
    place = Home(home.absolute())
    place.create()
    deadline = time.monotonic() + timeout
    while (lock := place.take(place.users_lock, shared=True)) is None:  # a keeper is about to leave: wait until it has
        _wait(place, deadline)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, lock)
        urls = _settle(place, wanted, deadline)
        undo.pop_all()
    return Lodging(place, wanted, lock, Servers(urls.get("database"), urls.get("broker")), watch)


def client_url(redis_url: str) -> str:
    """The address of a Redis as redis-py takes it, from the form that Celery takes."""
    kept, found, path = redis_url.partition("redis+socket://")
    return f"unix://{path.replace('virtual_host=', 'db=')}" if found and not kept else redis_url


def _settle(home: Home, wanted: tuple[str, ...], deadline: float) -> dict[str, str]:
    """See that a keeper lives and serves what is wanted; the servers' addresses by name."""
    starts = 0
    while True:
        lock = home.take(home.keeper_lock)
        if lock is not None:
            if starts == 3:
                os.close(lock)
                raise NoLocalServer(f"The keeper of the private servers ends at once:\n{home.log_end('keeper')}")
            _start_keeper(home, wanted, lock)
            starts += 1
        for name in wanted:  # again each time: a keeper that leaves takes the marks with it
            home.wish(name).touch(mode=0o600)
            home.give(home.wish(name))
        told = _status(home)
        for name in wanted:
            if name in told["errors"]:
                raise NoLocalServer(told["errors"][name]["detail"], remedy=told["errors"][name]["remedy"])
        if all(name in told["urls"] for name in wanted):
            return {name: told["urls"][name] for name in wanted}
        _wait(home, deadline)


def _start_keeper(home: Home, wanted: tuple[str, ...], lock: int) -> None:
    """Start a keeper that holds `lock` from its first moment on; our own hold on it is given up."""
    try:
        home.status.unlink(missing_ok=True)  # what a killed keeper said no longer holds
        for name in wanted:
            home.wish(name).touch(mode=0o600)
            home.give(home.wish(name))
        with home.log("keeper") as output:
            subprocess.run(
                [sys.executable, "-m", "waystation.local.keeper", home.root, str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(lock,),
                check=False,  # that it is not there is seen by its lock
            )
    finally:
        os.close(lock)


def _status(home: Home) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(home.status.read_text())
    except FileNotFoundError:
        return {"urls": {}, "errors": {}}
    return told


def _wait(home: Home, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise NoLocalServer(
            f"The private servers did not answer in time. The keeper's last words:\n{home.log_end('keeper')}",
            remedy=f"Look at the logs in {home.run}. Or set DATABASE_URL and REDIS_URL to servers of your own.",
        )
    time.sleep(_POLL)


_stays: weakref.WeakSet[Lodging] = weakref.WeakSet()


def _leave_in_child() -> None:
    """A forked child is not a user: its copy of the lock must not outlive its parent."""
    for stay in list(_stays):
        stay._let_go()


os.register_at_fork(after_in_child=_leave_in_child)
