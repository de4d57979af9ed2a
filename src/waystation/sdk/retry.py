"""Which errors of a kind are worth another try, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

from waystation.errors import WrongKind


@dataclass(frozen=True, slots=True)
class Retry:
    """A kind's policy: `@task("teams.create", retry=Retry(on=ConnectionError, times=5))`.

    on: the errors that may pass; any other fails the task at once. times: tries again, at one and the same checkpoint, before
    the task fails. first, longest: seconds before the first try, and at most before any; each waits `factor` times as long as
    the one before. jitter: up to this part of the delay is added by chance, so that a thousand tasks do not come again at once.
    """

    on: type[Exception] | tuple[type[Exception], ...]
    times: int = 5
    first: float = 1.0
    longest: float = 300.0
    factor: float = 2.0
    jitter: float = 0.25

    def __post_init__(self) -> None:
        errors = self.on if isinstance(self.on, tuple) else (self.on,)
        if not errors or not all(isinstance(e, type) and issubclass(e, Exception) for e in errors):
            raise WrongKind(f"Retry: `on` must be classes of errors, and is {self.on!r}.", remedy=_FORM)
        fits = 0 <= self.first <= self.longest and 1 <= self.factor <= 100 and 0 <= self.jitter <= 1
        if self.times < 1 or not fits:
            raise WrongKind(
                "Retry: `times` is 1 or more, `first` 0 or more and at most `longest`, `factor` 1 to 100, `jitter` 0 to 1.",
                remedy=_FORM,
            )

    def meant(self, error: BaseException) -> bool:
        """Whether this error may pass."""
        return isinstance(error, self.on)

    def delay(self, tries: int) -> float:
        """Seconds to wait before try number `tries`, from 1."""
        wait = min(self.longest, self.first * self.factor ** min(tries - 1, 64))
        return wait * (1 + self.jitter * random.random())  # noqa: S311 - no secret hangs on it


_FORM = 'Write it as: @task("teams.create", retry=Retry(on=(ConnectionError, TimeoutError), times=5, first=1.0))'
