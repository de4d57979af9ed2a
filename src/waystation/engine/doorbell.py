"""Ring and kill: all that the engine can do. A ring that is lost is rung again by the reaper."""

from __future__ import annotations

import redis
import structlog
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from waystation.engine.celery_app import TASK, broker_queue, make_app
from waystation.local import client_url

PATIENCE = 1.0  # seconds that somebody who submits waits for a broker that hangs
log = structlog.get_logger("waystation.doorbell")


class Doorbell:
    """Rings through Celery on Redis. Its connections are opened at first use, so a fork before it does no harm."""

    def __init__(self, broker_url: str) -> None:
        # No second try, here or there: the reaper is the one who rings again.
        self._app = make_app(broker_url, patience=PATIENCE, max_retries=0)
        self._redis = redis.Redis.from_url(
            client_url(broker_url),
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )

    def ring(self, queue: str) -> bool:
        """One ring: one claim by one free slot. False when the broker does not answer."""
        try:
            self._app.send_task(TASK, args=[queue], queue=broker_queue(queue))
        except (OperationalError, OSError) as error:
            log.warning("not rung: the broker does not answer", error=str(error))
            return False
        return True

    def kill(self, message: str) -> None:
        """SIGKILL to the process that works on this message. Should the order be lost, its lease is gone all the same."""
        try:
            self._app.control.revoke(message, terminate=True, signal="SIGKILL")
        except (OperationalError, OSError) as error:
            log.warning("not killed: the broker does not answer", error=str(error))

    def pending(self, queue: str) -> int:
        """Rings that nobody has heard yet; 0 when the broker does not answer."""
        try:
            return int(self._redis.llen(broker_queue(queue)))
        except redis.RedisError:
            return 0

    def alive(self) -> bool:
        """Whether the broker answers."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def close(self) -> None:
        """Let go of the connections."""
        self._redis.close()
        self._app.close()
