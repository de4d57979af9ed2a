"""Deliveries to webhooks: signed, one after the other, tried again with backoff, given up in the end."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from dataclasses import dataclass

import psycopg
import structlog

from waystation.errors import UnsafeAddress
from waystation.outward import judge, post
from waystation.settings import Settings
from waystation.storage import webhooks
from waystation.storage.db import Connection, Database
from waystation.storage.webhooks import Taken
from waystation.undelivered import not_sent, not_taken

log = structlog.get_logger("waystation.courier")
TIMEOUT = 10.0  # seconds that a receiver has to answer
LEASE = 60.0  # seconds after which a delivery that nobody spoke of again is tried again
TRIES = 16  # the last one comes about nine hours after the first
FIRST, LONGEST = 5.0, 3600.0  # seconds before the second try, and at most before any
IDLE = 1.0  # seconds between two looks when there is nothing to deliver
COURIERS = 2  # of one worker: a receiver that is slow keeps one of them
SIGNATURE, DELIVERY = "Waystation-Signature", "Waystation-Delivery"


def signature(secret: str, moment: int, body: bytes) -> str:
    """What the header says: `t=UNIX TIME,v1=HMAC-SHA256 of "UNIX TIME.BODY"`, in hexadecimal."""
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def wait_before(tries: int) -> float | None:
    """Seconds to wait after so many tries; None: no more."""
    if tries >= TRIES:
        return None
    return min(LONGEST, FIRST * 2.0 ** (tries - 1)) * (1 + 0.2 * random.random())  # noqa: S311 - no secret hangs on it


@dataclass(frozen=True)
class Courier:
    """Makes deliveries, in threads of its own beside the reaper."""

    database: Database
    settings: Settings

    def start(self, over: threading.Event) -> list[threading.Thread]:
        """Begin; until `over` is set."""
        threads = [threading.Thread(target=self._run, args=(over,), name=f"courier-{n}", daemon=True) for n in range(COURIERS)]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, over: threading.Event) -> None:
        while not over.is_set():
            try:
                with self.database.connect("ws:courier", autocommit=True) as connection:
                    while not over.is_set():
                        if not self.deliver(connection):
                            over.wait(IDLE)
            except psycopg.Error as error:
                log.warning("the database does not answer", error=str(error))
                over.wait(IDLE)

    def deliver(self, connection: Connection) -> bool:
        """One delivery that is due; False if none is. `connection` is in autocommit: no transaction waits for the receiver."""
        taken = webhooks.take(connection, lease=LEASE)
        if taken is None:
            return False
        status, error = self._send(taken)
        if error is None:
            assert status is not None
            webhooks.delivered(connection, taken, status)
        else:
            log.info("not delivered", webhook=taken.webhook, delivery=taken.id, tries=taken.tries, error=error)
            webhooks.failed(connection, taken, status=status, error=error, delay=wait_before(taken.tries))
        return True

    def _send(self, taken: Taken) -> tuple[int | None, str | None]:
        """The status that was answered, and what was wrong; None: it has arrived."""
        body = json.dumps({"delivery": taken.id, **taken.body}, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Waystation",
            DELIVERY: str(taken.id),
            SIGNATURE: signature(taken.secret, int(time.time()), body),
        }
        try:
            target = judge(taken.url, self.settings.webhook_networks)
        except UnsafeAddress as error:
            return None, f"{error.detail} {error.hint}"
        try:
            status, said = post(target, body, headers, TIMEOUT)
        except (OSError, http.client.HTTPException) as error:
            return None, not_sent(error, target, TIMEOUT)
        return status, None if 200 <= status < 300 else not_taken(status, said)
