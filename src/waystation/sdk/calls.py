"""Many slow calls at a time within one step: bounded, answered in order, and none on its way once the task is given up."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from waystation.sdk.effects import Effect, Effects
from waystation.sdk.retry import Retry

T = TypeVar("T")
A = TypeVar("A")
IN_PLACE = 1.0  # seconds: for shorter ones a call waits where it is; for longer ones the task gives its slot back


class Calls:
    """The threads of one attempt, and what they are at. `retry`: which errors of a call may pass."""

    def __init__(self, retry: Retry | None = None) -> None:
        self._retry = retry
        self._leaving = threading.Event()
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._open: set[Future[Any]] = set()

    def begin(self, workers: int, call: Callable[[], A]) -> Future[A]:
        """Have this called by one of so many threads."""
        self._leaving.clear()
        if workers not in self._pools:
            self._pools[workers] = ThreadPoolExecutor(workers, thread_name_prefix="call")
        future = self._pools[workers].submit(call)
        self._open.add(future)
        return future

    def outcome(self, future: Future[A]) -> A:
        """What came of it, once it has; raises what the call raised, and CancelledError if it never began."""
        try:
            return future.result()
        finally:
            self._open.discard(future)

    def patiently(self, call: Callable[[], A]) -> A:
        """Call it, and again after an error that may pass, while the wait before the next try is short."""
        tries = 0
        while True:
            try:
                return call()
            except Exception as error:
                tries += 1
                if self._retry is None or not self._retry.meant(error):
                    raise
                wait = self._retry.delay(tries)
                if tries > self._retry.times or wait > IN_PLACE or self._leaving.wait(wait):
                    raise

    def settle(self) -> None:
        """Begin nothing more, and wait for the calls that are on their way: what happens after a task was given up would be
        nobody's, and could come after its taking back."""
        self._leaving.set()
        for future in self._open:
            future.cancel()
        wait(self._open)

    def close(self) -> None:
        """Let go of the threads, once the calls that are on their way have ended."""
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)


class _Job(Generic[T, A]):
    """One item on its way; with an effect whose answer is known from an earlier attempt, nothing is called."""

    def __init__(self, calls: Calls, workers: int, effects: Effects, call: Callable[[T], A], item: T, effect: Effect | None):
        self.effect = effect
        self._calls, self._workers = calls, workers

        def once() -> A:
            effects.lease.need(effects.call_timeout)
            return call(item)

        def run() -> A:
            answer = calls.patiently(once)
            return answer if effect is None else effect.keep(answer)

        self._run = run
        self._future = None if effect is not None and effect.known else calls.begin(workers, run)

    def outcome(self) -> Any:
        """Its answer, waited for."""
        while self._future is not None:
            try:
                return self._calls.outcome(self._future)
            except CancelledError:  # the task was about to be given up, and goes on after all
                self._future = self._calls.begin(self._workers, self._run)
        assert self.effect is not None
        return self.effect.answer


class _Turn(NamedTuple):
    item: Any
    place: Any
    job: _Job[Any, Any]


def mapped(
    calls: Calls,
    effects: Effects,
    call: Callable[[T], A],
    items: Iterable[tuple[T, Any]],
    *,
    workers: int,
    named: Callable[[T], tuple[str, Any]] | None,
) -> Iterator[tuple[T, A, Any]]:
    """Each item with its answer and its place, in the order of the items, while up to `workers` calls are on their way.

    `named` gives an item's name and its record: then each is remembered before its call (a group of items in one commit), an
    answer that an earlier attempt got is not asked for again, and items of one name are one.
    """
    source = iter(items)
    turns: deque[_Turn] = deque()

    def begin(group: list[tuple[T, Any]]) -> None:
        if named is None:
            turns.extend(_Turn(i, place, _Job(calls, workers, effects, call, i, None)) for i, place in group)
            return
        names = [named(item) for item, _ in group]
        remembered = {effect.item: effect for effect in effects.remember(dict(names))}
        jobs = {turn.job.effect.item: turn.job for turn in turns if turn.job.effect}
        for (item, place), (name, _) in zip(group, names, strict=True):
            if name not in jobs:
                jobs[name] = _Job(calls, workers, effects, call, item, remembered[name])
            turns.append(_Turn(item, place, jobs[name]))

    while True:
        # A group more than is waited for, so that no thread is idle while the first of them is slow.
        while len(turns) <= workers and (group := list(islice(source, workers))):
            begin(group)
        if not turns:
            return
        turn = turns.popleft()
        yield turn.item, turn.job.outcome(), turn.place
