"""The Celery main process of a worker, and what each of its pool children sets up: `python -m waystation.engine.main`."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import warnings
from typing import Any

import structlog
from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready

from waystation import logs, tracing
from waystation.engine.celery_app import TASK, broker_queue, make_app
from waystation.engine.doorbell import Doorbell
from waystation.engine.drain import Draining
from waystation.engine.handed import BUILT_IN, SUPERVISOR, WORKER
from waystation.health import listening
from waystation.kinds.command import kinds_of
from waystation.runner import Shop, hear
from waystation.sdk.kind import Registry
from waystation.settings import Settings
from waystation.storage.db import Database
from waystation.storage.files import files_of
from waystation.ties import tie_to

log = structlog.get_logger("waystation.engine")
DEFAULT_QUEUE = "default"

_shop: list[Shop] = []  # one in each pool child, made after the fork


def build(settings: Settings) -> tuple[Celery, list[str]]:
    """The application with its one task, and the queues that its kinds use."""
    assert settings.redis_url is not None
    app = make_app(settings.redis_url)
    draining = Draining.from_env()
    registry = Registry.load([m for m in (*os.environ[BUILT_IN].split(","), *settings.kinds) if m])
    registry.add_all(kinds_of(settings.programs))

    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator]
    def answer(self: Any, queue: str) -> None:
        """One ring heard."""
        hear(shop(), queue, self.request.id)

    def shop() -> Shop:
        if not _shop:
            assert settings.database_url is not None
            _shop.append(
                Shop(
                    database=Database(settings.database_url, pool=2, lock_timeout=settings.lock_timeout),
                    registry=registry,
                    files=files_of(settings),
                    settings=settings,
                    worker=os.environ[WORKER],
                    ring=Doorbell(str(settings.redis_url)).ring,
                    draining=draining,
                )
            )
        return _shop[0]

    def set_up(**_: object) -> None:
        # A child leaves Ctrl-C to the supervisor. What fails here would be swallowed by Celery; the first ring tells it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        tracing.begin("worker")
        shop()
        gc.freeze()  # what is loaded by now stays: looking through all of it again and again takes time from the tasks

    def listens(**_: object) -> None:
        if settings.pulse is not None:
            listening(settings.pulse).touch()

    worker_process_init.connect(set_up, weak=False)
    worker_process_shutdown.connect(lambda **_: tracing.end(), weak=False)
    worker_ready.connect(listens, weak=False)
    return app, sorted({DEFAULT_QUEUE, *(kind.queue for kind in registry)})


def main() -> None:
    """Run until SIGTERM: then no new ring is heard, running steps end, and so does this process."""
    tie_to(int(os.environ[SUPERVISOR]))  # killed by -9, it leaves a worker that ends as after a SIGTERM
    settings = Settings.from_env()
    logs.set_up(settings.log)
    app, queues = build(settings)
    # Celery warns whoever runs as root because of pickle; messages here are JSON and nothing else.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # A killed attempt is no news, and there is no result backend that it could be noted in: Celery says so each time.
    logging.getLogger("celery.worker.control").addFilter(lambda said: "as revoked in backend" not in str(said.msg))
    worker = app.Worker(
        hostname=f"ws-{os.environ[WORKER].replace(':', '-')}@{socket.gethostname()}",
        pool="prefork",
        concurrency=settings.slots,
        queues=[broker_queue(q) for q in queues],
        loglevel="INFO" if settings.log == "debug" else "WARNING",  # a line for each ring would hide what matters
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
