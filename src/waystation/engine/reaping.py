"""The reaper's process, beside the Celery main under the worker's supervisor: `python -m waystation.engine.reaping`.

It also announces the worker, since it lives as long as the worker does.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from types import FrameType

import psycopg
import structlog

from waystation import logs
from waystation.courier import Courier
from waystation.engine.doorbell import Doorbell
from waystation.engine.drain import Draining
from waystation.engine.handed import WORKER
from waystation.errors import StorageUnavailable
from waystation.health import beat
from waystation.reaper import SWEEP_EVERY, Reaper
from waystation.settings import Settings
from waystation.storage import workers
from waystation.storage.db import Database
from waystation.storage.files import files_of

log = structlog.get_logger("waystation.reaping")


def main() -> None:
    """Announce, reap, wait; until SIGTERM."""
    settings = Settings.from_env()
    logs.set_up(settings.log)
    assert settings.database_url is not None
    assert settings.redis_url is not None
    over = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    database = Database(settings.database_url)
    bell = Doorbell(settings.redis_url)
    name, pid = os.environ[WORKER], os.getppid()
    draining = Draining.from_env()
    reaper = Reaper(database, files_of(settings), settings, bell, name=f"reaper@{name}")
    couriers = Courier(Database(settings.database_url), settings).start(over)
    swept = 0.0
    while not over.is_set() and os.getppid() == pid:
        heard = False
        try:
            with database.connect("ws:announce") as connection:
                workers.announce(
                    connection,
                    id=name,
                    host=socket.gethostname(),
                    pid=pid,
                    slots=settings.slots,
                    draining=draining(),
                )
            heard = not draining()
            sweep = time.monotonic() - swept > SWEEP_EVERY
            if reaper.pass_once(sweep=sweep) and sweep:
                swept = time.monotonic()
        except psycopg.errors.LockNotAvailable:
            log.info("a sweep was put off: a reader is in the way")
        except StorageUnavailable as error:
            swept = time.monotonic()  # it is tried again at the next sweep, not at once
            log.warning("a sweep was put off: the storage does not answer", error=error.detail)
        except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
            log.warning("the database does not answer", error=str(error))
        if settings.pulse is not None:
            beat(settings.pulse, takes_tasks=heard)
        over.wait(settings.reap)
    for courier in couriers:
        courier.join(timeout=1.0)  # a delivery that is cut off here is made again by the next worker
    if settings.pulse is not None:
        settings.pulse.unlink(missing_ok=True)
    try:
        with database.connect("ws:announce") as connection:
            workers.leave(connection, name)
    except psycopg.OperationalError:
        log.info("left without a word: the database does not answer")


if __name__ == "__main__":
    main()
