"""Too often: counted in each web process for itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from waystation.errors import TooManyRequests, TooManyUploads

WRONG_TOKENS = 60  # a minute from one address: so many are mistakes of a program, and guesses of nobody who could succeed
REFUSALS, OF_ALL = 20, 300  # lines of the audit in a minute about refusals: of one caller or address, and of all


class Crowds:
    """Requests of each caller, wrong tokens from each address, and refusals."""

    def __init__(self) -> None:
        self._window = FixedWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._uploads = 0

    @contextmanager
    def upload(self, most: int) -> Iterator[None]:
        """One more upload comes in, until the block ends. Raises TooManyUploads beyond `most` of them."""
        with self._lock:
            if self._uploads >= most:
                raise TooManyUploads(f"{most} uploads come in at the same time already.")
            self._uploads += 1
        try:
            yield
        finally:
            with self._lock:
                self._uploads -= 1

    def request(self, caller: str, most: int) -> None:
        """One more request of this caller. Raises TooManyRequests beyond `most` in a minute (0: there is no such limit)."""
        if most and not self._window.hit(RateLimitItemPerMinute(most), "caller", caller):
            raise TooManyRequests(f"{caller!r} has sent {most} requests within a minute (WAYSTATION_REQUESTS_PER_MINUTE).")

    def wrong_token(self, address: str) -> None:
        """One more wrong token from there. Raises TooManyRequests; right ones are not counted, and are always let in."""
        if not self._window.hit(RateLimitItemPerMinute(WRONG_TOKENS), "wrong", address):
            raise TooManyRequests(f"{WRONG_TOKENS} wrong tokens within a minute came from {address}.")

    def refusal(self, who: str) -> None:
        """One more refusal of this caller or address. Raises TooManyRequests when so many were noted that it need not be."""
        noted = self._window.hit(RateLimitItemPerMinute(REFUSALS), "refusals", who)
        if not (noted and self._window.hit(RateLimitItemPerMinute(OF_ALL), "refusals of all")):
            raise TooManyRequests
