"""The production server: gunicorn with threads, one process, the house opened after the fork."""

from __future__ import annotations

import math
import mmap
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from waystation import tracing
from waystation.errors import Unavailable, WaystationError
from waystation.settings import Settings
from waystation.web import guards
from waystation.web.app import create_app
from waystation.web.arrivals import Arrivals
from waystation.web.current import doorstep_of
from waystation.web.outgoing import Outgoing
from waystation.web.porch import LINGER, Porch
from waystation.wiring import open_house

HALT = 4  # gunicorn's own word for "do not start this again"
PLACES = (
    256  # connections that wait at the porch, and as many between two requests: with their files less than 1024 descriptors
)
CONNECTIONS = 640  # of a web process
UNREAD = object()  # what a thread hands back of a connection that takes no more of its answer for now
DRAIN = 0.2  # seconds that a thread waits for what it does not want to read

OnReady = Callable[[str, int], None]


class StreamingWorker(ThreadWorker):  # type: ignore[misc]
    """A gunicorn worker that leaves politely: it lingers, ends its live streams (they would keep it for minutes), then ends.

    While it lingers it serves as before, but says on /readyz that it leaves and closes each connection after its answer: so a
    load balancer sends new requests elsewhere before the door is shut, and nobody finds it shut.
    """

    _leaves_at: float | None = None

    def run(self) -> None:
        """gunicorn's loop, with a porch before its threads."""
        self.porch = Porch(self.poller, self.app.arrivals.seconds, PLACES, super().enqueue_req, self._gone)
        self.outgoing: dict[Any, Outgoing] = {}
        self.max_keepalived = PLACES
        super().run()

    def _gone(self, conn: Any) -> None:
        self.nr_conns -= 1
        if outgoing := self.outgoing.pop(conn, None):
            outgoing.close()

    def enqueue_req(self, conn: Any) -> None:
        """A connection may have a request: a thread takes it once its head is here."""
        self.porch.come(conn)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """A thread is done with it. gunicorn would wait here, in its loop, for the client of an ended one to close it."""
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self.porch.see_off(conn)
        elif fs.result() is UNREAD:
            self.porch.hold(conn)
        else:
            super().finish_request(conn, fs)

    def handle(self, conn: Any) -> Any:
        """One request of a connection, whose head is here and whose body has so long to arrive; see `arrivals`. Or the rest of
        an answer, if the line takes more of it."""
        if conn in self.outgoing:
            return self._send_on(conn)
        conn.data_ready = True
        self.app.arrivals.begin(conn.sock)
        try:
            return super().handle(conn)
        finally:
            self.app.arrivals.end(conn.sock)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Its head is here. A body may follow, and the answer goes out as far as it is read; see `outgoing`."""
        if any(name in ("CONTENT-LENGTH", "TRANSFER-ENCODING") for name, _ in req.headers):
            self.app.arrivals.body_follows(conn.sock)
        else:
            self.app.arrivals.end(conn.sock)
        answer, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg)
        environ["wsgi.multithread"] = True
        if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
            answer.force_close()
        self.outgoing[conn] = Outgoing(answer, self.wsgi(environ, answer.start_response), conn.sock)
        return self._send(conn)

    def _send(self, conn: Any) -> Any:
        """As much of its answer as the line takes: UNREAD, or whether another request may come on it."""
        outgoing, sent = self.outgoing[conn], None
        try:
            sent = outgoing.go_on()
        except OSError:  # gunicorn knows what a broken line is
            raise
        except Exception:
            if not outgoing.begun:
                raise
            self.log.exception("an answer broke off")  # half of it is out: that it ends is all that can be told
        finally:
            if sent is not False:
                del self.outgoing[conn]
                outgoing.close()
        return UNREAD if sent is False else bool(sent and not outgoing.last)

    def _send_on(self, conn: Any) -> Any:
        try:
            conn.sock.setblocking(True)
            return self._keepalive_after(conn, self._send(conn))
        except OSError:
            return False  # the client is gone

    def _keepalive_after(self, conn: Any, keepalive: Any) -> Any:
        """Whether another request may come on it: not where a body was not read that is not all here, which a thread would
        have to wait for."""
        if keepalive is UNREAD:
            return UNREAD
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + DRAIN))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: linger, then take no more and finish what is open."""
        app = getattr(self, "wsgi", None)
        if not (self.app.linger and isinstance(app, Flask)):
            self._leave(sig, frame)
        elif self._leaves_at is None:
            doorstep_of(app).leaving = True
            self.max_keepalived = -1  # gunicorn's own reason to close after an answer: too many connections are kept
            self._leaves_at = time.monotonic() + self.app.linger

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT: at once. gunicorn's own way shuts the thread pool down in the signal handler, which waits for
        ever for the pool's lock when the signal came while a request was being handed to it."""
        self._leave(sig, frame)

    def notify(self) -> None:
        """Called by gunicorn's loop once a second at least: has it lingered long enough?"""
        super().notify()
        self.app.arrivals.expire()
        self.porch.expire(most=float("inf") if self.alive else LINGER)
        if self._leaves_at is not None and time.monotonic() >= self._leaves_at and self.alive:
            self._leave(0, None)

    def _leave(self, sig: int, frame: FrameType | None) -> None:
        app = getattr(self, "wsgi", None)
        if isinstance(app, Flask):
            doorstep_of(app).hub.ending = True
        super().handle_exit(sig, frame)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured by our settings alone."""

    def __init__(self, settings: Settings, on_ready: OnReady) -> None:
        self._settings, self._on_ready = settings, on_ready
        self.linger, self.arrivals = settings.linger, Arrivals(settings.request_seconds, settings.upload_rate)
        self.notes = mmap.mmap(-1, 2)  # shared with the forked process: 0 = exit code of its failure, 1 = said to be ready
        super().__init__()

    def load_config(self) -> None:
        """Nothing is read from files, arguments or GUNICORN_CMD_ARGS."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        for name, value in {
            "bind": f"{host}:{self._settings.port}",
            "workers": 1,
            "worker_class": StreamingWorker,
            "threads": self._settings.threads,
            "worker_connections": max(CONNECTIONS, 2 * PLACES + self._settings.threads),
            "timeout": 60,
            "graceful_timeout": math.ceil(self._settings.linger + self._settings.grace + 1),
            "keepalive": 15,
            "loglevel": "error",
            "proc_name": "waystation web",
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # before there is access control nobody speaks for somebody else
            "limit_request_line": 8190,
            "post_worker_init": self._ready,
            "worker_exit": self._close,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, in the forked process. A failure is told in a sentence and ends the server."""
        try:
            house = open_house(self._settings)
            guards.may_listen(house)
            app = create_app(house)
            doorstep_of(app).arrivals = self.arrivals
            return app
        except WaystationError as error:
            print(f"waystation: {error.detail} {error.hint}", file=sys.stderr, flush=True)
            self.notes[0] = error.exit_code
            sys.exit(HALT)

    def _ready(self, worker: Any) -> None:
        doorstep_of(worker.wsgi).house  # noqa: B018  it is open already; the property makes it this process's own
        worker.cfg.set("graceful_timeout", math.ceil(self._settings.grace))  # the parent's is longer: it counts the lingering
        if not self.notes[1]:  # a process that was killed and started again is no news
            self.notes[1] = 1
            if said := guards.open_door(doorstep_of(worker.wsgi).house):
                print(f"waystation: {said}", file=sys.stderr, flush=True)
            host, port = worker.sockets[0].getsockname()[:2]
            self._on_ready(str(host), int(port))

    def _close(self, _server: Any, worker: Any) -> None:
        app = getattr(worker, "wsgi", None)
        if isinstance(app, Flask):
            doorstep_of(app).close()
        tracing.end()


def serve(settings: Settings, on_ready: OnReady = lambda host, port: None) -> None:
    """Serve until SIGTERM or SIGINT. `on_ready` is called once, with the address that is bound (port 0 takes a free one).

    It is called in the forked process. Raises SystemExit with the exit code of the error that kept it from starting.
    """
    server, parent = Server(settings, on_ready), os.getpid()
    try:
        server.run()
    except SystemExit as leaving:
        if os.getpid() != parent:  # the forked process ends here too, and its parent reads its code
            raise
        if not leaving.code:
            return
        raise SystemExit(server.notes[0] or Unavailable.exit_code) from None
