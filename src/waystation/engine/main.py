"""The Celery main process of a worker, and what each of its pool children sets up: `python -m waystation.engine.main`."""

from __future__ import annotations

import os
import signal
from typing import Any

import structlog
from celery import Celery
from celery.signals import worker_process_init

from waystation.engine.celery_app import TASK, broker_queue, make_app
from waystation.engine.drain import Draining
from waystation.runner import Shop, hear
from waystation.sdk.kind import Registry
from waystation.settings import Settings
from waystation.storage.db import Database
from waystation.storage.files import Files

log = structlog.get_logger("waystation.engine")
WORKER = "WAYSTATION_WORKER"
BUILT_IN = "WAYSTATION_BUILT_IN"
QUEUES = ("default",)

_shop: list[Shop] = []  # one in each pool child, made after the fork


def build(settings: Settings) -> Celery:
    """The application with its one task."""
    assert settings.redis_url is not None
    app = make_app(settings.redis_url, soft_shutdown=settings.drain)
    draining = Draining.from_env()

    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator]
    def answer(self: Any, queue: str) -> None:
        """One ring heard."""
        hear(_shop[0], queue, self.request.id)

    def set_up(**_: object) -> None:
        # A child dies at once when it is killed, and never runs Python code in a signal handler.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert settings.database_url is not None
        _shop.append(
            Shop(
                database=Database(settings.database_url, pool=2, lock_timeout=settings.lock_timeout),
                registry=Registry.load([*os.environ[BUILT_IN].split(","), *settings.kinds]),
                files=Files(settings.home),
                settings=settings,
                worker=os.environ[WORKER],
                ring=_ringer(app),
                draining=draining,
            )
        )

    worker_process_init.connect(set_up, weak=False)
    return app


def _ringer(app: Celery) -> Any:
    from waystation.engine.doorbell import Doorbell

    return Doorbell(str(app.conf.broker_url)).ring


def main() -> None:
    """Run until SIGTERM: then no new ring is heard, running steps end, and so does this process."""
    settings = Settings.from_env()
    app = build(settings)
    app.worker_main(
        [
            "worker",
            f"--concurrency={settings.slots}",
            "--pool=prefork",
            f"--queues={','.join(broker_queue(q) for q in QUEUES)}",
            f"--hostname=ws-{os.environ[WORKER].replace(':', '-')}@%h",
            f"--loglevel={settings.log}",
            "--without-mingle",
            "--without-gossip",
            "--without-heartbeat",
        ]
    )


if __name__ == "__main__":
    main()
