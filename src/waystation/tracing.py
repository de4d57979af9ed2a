"""Traces by OpenTelemetry: a span for each request and each attempt, sent to where OTEL_EXPORTER_OTLP_ENDPOINT says.

Without that variable nothing is loaded and nothing is measured. What else OpenTelemetry reads from the environment (names,
headers, samplers, time limits) holds as everywhere. What a killed process had not sent yet is lost; a collector that is away
delays nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, SpanKind, Tracer

log = structlog.get_logger("waystation.tracing")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LAST_WORDS = 2.0  # seconds that an ending process gives to sending what it still has
TASK, ATTEMPT, KIND, EVENT = "waystation.task.id", "waystation.task.attempt", "waystation.task.kind", "waystation.task.event"

_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment names a collector."""
    return any(environ.get(name) for name in ENDPOINTS)


def installed() -> bool:
    """Whether the extra `otel` is there."""
    try:
        return find_spec("opentelemetry.sdk") is not None
    except (ModuleNotFoundError, ValueError):  # not even the package above it
        return False


def begin(part: str, processor: SpanProcessor | None = None) -> None:
    """Trace in this process, if that is wanted; to be called after every fork.

    part: `web` or `worker`; it names the service where the environment does not. processor: gets the spans in place of the
    collector.
    """
    global _tracer, _provider
    if _tracer is not None or (processor is None and not wanted()):
        return
    if not installed():
        log.warning("no traces are sent: the extra otel is not installed", remedy="pip install 'waystation[otel]'")
        return
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource.create({"service.name": f"waystation-{part}"}).merge(OTELResourceDetector().detect())
    _provider = TracerProvider(resource=named, shutdown_on_exit=False)
    _provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    if processor is None:
        trace.set_tracer_provider(_provider)  # so that spans which kinds make themselves are sent, too
    _tracer = _provider.get_tracer("waystation")


def end() -> None:
    """Send what is left, and trace no more. It takes `LAST_WORDS` at most."""
    global _tracer, _provider
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(LAST_WORDS)
    _tracer = _provider = None


def on() -> bool:
    """Whether this process traces."""
    return _tracer is not None


def carried() -> dict[str, str]:
    """The current span, in the form in which it is kept with a task or sent on; nothing where nothing is traced."""
    found: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(found)
    return found


def tell(**facts: str | int) -> None:
    """Note facts with the current span: `task`, `attempt`, `kind`, `event`."""
    if _tracer is not None:
        from opentelemetry import trace

        names = {"task": TASK, "attempt": ATTEMPT, "kind": KIND, "event": EVENT}
        trace.get_current_span().set_attributes({names[name]: value for name, value in facts.items()})


def failed(why: str) -> None:
    """The current span ends badly."""
    if _tracer is not None:
        from opentelemetry import trace

        trace.get_current_span().set_status(trace.StatusCode.ERROR, why)


@contextmanager
def attempt(task: str, number: int, kind: str, submission: Callable[[], Mapping[str, str]]) -> Iterator[None]:
    """The span of one attempt, below the request that submitted its task: `submission` gives what was `carried` then."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import SpanKind, use_span

    with use_span(new_span(f"attempt {kind}", SpanKind.CONSUMER, submission()), end_on_exit=True):
        tell(task=task, attempt=number, kind=kind)
        yield


def new_span(name: str, sort: SpanKind, parent: Mapping[str, str]) -> Span:
    """A span below what is `carried` from elsewhere; only for a process that traces. Whoever makes it ends it."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    assert _tracer is not None
    return _tracer.start_span(name, context=TraceContextTextMapPropagator().extract(parent), kind=sort)
