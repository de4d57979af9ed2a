"""What /metrics tells Prometheus: one table of families, from which the answer, docs/metrics.md and the tests are made.

A look at the tables costs some milliseconds however many tasks there are, and serves whoever asks within FRESH seconds.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from waystation import __version__
from waystation.errors import Busy, DatabaseUnavailable
from waystation.model import Worker
from waystation.states import Event
from waystation.storage.tallies import BOUNDS, Tallies, Times
from waystation.wiring import House

FRESH = 3.0  # seconds for which a look at the tables serves
BUCKETS = (*(f"{b:g}" for b in BOUNDS), "+Inf")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen in one look; without the database, nothing of what is in it."""

    house: House
    streams: int
    broker: bool
    tallies: Tallies | None
    workers: list[Worker]


Numbers = Mapping[tuple[str, ...], float]  # the values of the labels, and the number


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that goes up and down (or only up: a counter)."""

    name: str
    help: str
    labels: tuple[str, ...]
    numbers: Callable[[Sight], Numbers]
    counter: bool = False

    @property
    def type(self) -> str:
        """Its type in Prometheus' words."""
        return "counter" if self.counter else "gauge"

    def family(self, sight: Sight) -> Metric:
        """With its numbers."""
        family = (CounterMetricFamily if self.counter else GaugeMetricFamily)(self.name, self.help, labels=self.labels)
        for values, number in self.numbers(sight).items():
            family.add_metric(values, number)
        return family


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long something took, by kind."""

    name: str
    help: str
    times: Callable[[Tallies], Mapping[str, Times]]
    labels: tuple[str, ...] = ("kind",)
    type: str = "histogram"

    def family(self, sight: Sight) -> Metric:
        """With its numbers."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for kind, took in self.times(sight.tallies).items() if sight.tallies else ():
            family.add_metric([kind], list(zip(BUCKETS, took.numbers, strict=True)), took.seconds)
        return family


def _of_tables(numbers: Callable[[Tallies], Numbers]) -> Callable[[Sight], Numbers]:
    return lambda sight: numbers(sight.tallies) if sight.tallies else {}


def _by_one(numbers: Mapping[str, float]) -> Numbers:
    return {(name,): number for name, number in numbers.items()}


def _lost(t: Tallies) -> Numbers:
    return {(kind,): number for (kind, event), number in t.events.items() if event == Event.LOSE}


def _pool(sight: Sight, name: str) -> float:
    return float(sight.house.database.pool.get_stats().get(name, 0))


def _disk(sight: Sight) -> Numbers:
    disk = shutil.disk_usage(sight.house.settings.home)
    return {("free",): disk.free, ("total",): disk.total}


FAMILIES: tuple[Gauge | Histogram, ...] = (
    Gauge("waystation_info", "1, with the version that this process runs.", ("version",), lambda s: {(__version__,): 1}),
    Gauge("waystation_tasks", "Tasks by kind and state.", ("kind", "state"), _of_tables(lambda t: t.tasks)),
    Gauge(
        "waystation_queue_oldest_seconds",
        "For how long the oldest task waits that could begin now, by queue; no sample while none waits.",
        ("queue",),
        _of_tables(lambda t: _by_one(t.oldest)),
    ),
    Gauge(
        "waystation_rate",
        "Units (rows, calls, steps) a second that running tasks do, together.",
        ("kind", "unit"),
        _of_tables(lambda t: t.rates),
    ),
    Gauge(
        "waystation_events",
        "Lines of timelines: submitted, claimed, paused, succeeded, failed and so on, but for logs.",
        ("kind", "event"),
        _of_tables(lambda t: t.events),
        counter=True,
    ),
    Gauge(
        "waystation_leases_lost",
        "Attempts that gave no sign of life: a worker died, froze, or lost the database.",
        ("kind",),
        _of_tables(_lost),
        counter=True,
    ),
    Gauge(
        "waystation_readoptions",
        "Tasks that another attempt took up after a lost lease.",
        ("kind",),
        _of_tables(lambda t: _by_one(t.readopted)),
        counter=True,
    ),
    Histogram("waystation_pause_seconds", "From a pause of a running task until its slot was free.", lambda t: t.pauses),
    Histogram("waystation_stop_seconds", "From a stop, terminate or undo until everything was taken back.", lambda t: t.stops),
    Gauge("waystation_workers", "Workers heard of lately.", (), lambda s: {(): len(s.workers)} if s.tallies else {}),
    Gauge(
        "waystation_workers_draining",
        "Of those, the ones that were asked to end and finish what they hold.",
        (),
        lambda s: {(): sum(w.draining for w in s.workers)} if s.tallies else {},
    ),
    Gauge(
        "waystation_slots",
        "Slots of the workers that take tasks.",
        (),
        lambda s: {(): sum(w.slots for w in s.workers if not w.draining)} if s.tallies else {},
    ),
    Gauge("waystation_slots_busy", "Slots in use.", (), lambda s: {(): sum(w.busy for w in s.workers)} if s.tallies else {}),
    Gauge("waystation_database_up", "1 if the database answers.", (), lambda s: {(): s.tallies is not None}),
    Gauge("waystation_broker_up", "1 if the broker (Redis or Valkey) answers.", (), lambda s: {(): s.broker}),
    Gauge(
        "waystation_database_connections",
        "Connections that clients have to the database server, all programs together.",
        (),
        _of_tables(lambda t: {(): t.connections}),
    ),
    Gauge(
        "waystation_database_connections_most",
        "Connections that the database server takes (`max_connections`).",
        (),
        _of_tables(lambda t: {(): t.most_connections}),
    ),
    Gauge(
        "waystation_pool_connections",
        "Connections of this web process, by whether a request uses them.",
        ("use",),
        lambda s: {
            ("idle",): _pool(s, "pool_available"),
            ("busy",): _pool(s, "pool_size") - _pool(s, "pool_available"),
        },
    ),
    Gauge(
        "waystation_pool_waiting",
        "Requests of this web process that wait for a connection.",
        (),
        lambda s: {(): _pool(s, "requests_waiting")},
    ),
    Gauge(
        "waystation_pool_errors",
        "Requests of this web process that got no connection in time.",
        (),
        lambda s: {(): _pool(s, "requests_errors")},
        counter=True,
    ),
    Gauge("waystation_files_bytes", "Room on the disk of WAYSTATION_HOME, free and in total.", ("room",), _disk),
    Gauge(
        "waystation_deliveries_waiting",
        "Deliveries that webhooks have not taken yet.",
        (),
        _of_tables(lambda t: {(): t.undelivered}),
    ),
    Gauge("waystation_streams", "Live streams that this web process serves.", (), lambda s: {(): s.streams}),
)


class Watch:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._text, self._until = b"", 0.0

    def text(self, house: House, streams: int) -> bytes:
        """The answer, in Prometheus' text format; younger than FRESH seconds."""
        with self._looking:
            if time.monotonic() >= self._until:
                registry = CollectorRegistry()
                registry.register(_Seen(look(house, streams)))
                self._text = generate_latest(registry)
                self._until = time.monotonic() + FRESH
            return self._text


class _Seen(Collector):
    def __init__(self, sight: Sight) -> None:
        self._sight = sight

    def collect(self) -> Iterator[Metric]:
        return (family.family(self._sight) for family in FAMILIES)

    def describe(self) -> Iterator[Metric]:
        return iter(())


def look(house: House, streams: int) -> Sight:
    """See how it is. Where the database does not answer, that is what is seen."""
    broker = not house.control.health(["broker"]).missing
    try:
        return Sight(house, streams, broker, house.control.tallies(), house.control.workers())
    except (DatabaseUnavailable, Busy):
        return Sight(house, streams, broker, None, [])


def samples(family: Gauge | Histogram) -> list[str]:
    """The names that a query can ask for."""
    if isinstance(family, Histogram):
        return [f"{family.name}_{part}" for part in ("bucket", "sum", "count")]
    return [f"{family.name}_total" if family.counter else family.name]
