"""Traces: a span for each request and each attempt, all of one task in one trace; off where no collector is named."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.attempts import leave_at, work
from tests.support import people_csv, send
from waystation import tracing
from waystation.web.app import create_app
from waystation.wiring import House

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What this process traces."""
    kept = InMemorySpanExporter()
    tracing.begin("test", SimpleSpanProcessor(kept))
    yield kept
    tracing.end()


def finished(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    """In the order of their beginnings."""
    return sorted(spans.get_finished_spans(), key=lambda span: span.start_time or 0)


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def upload(house: House, data: bytes, **headers: str) -> str:
    with create_app(house).test_client() as client:
        client.get("/healthz")
        client.get("/static/none.css")
        sent = client.post("/tasks/upload", data={"file": (BytesIO(data), "p.csv")}, headers=headers, buffered=True)
        assert sent.status_code == 202, sent.text
        assert sent.json
        assert client.get(f"/tasks/{sent.json['task_id']}", buffered=True).status_code == 200
        return str(sent.json["task_id"])


def test_a_request_and_all_attempts_of_its_task_are_one_trace(house: House, spans: InMemorySpanExporter) -> None:
    task = upload(house, people_csv(400), traceparent=CALLER)
    leave_at(house, 1)
    work(house)
    sent, looked, *attempts = finished(spans)
    assert [s.name for s in (sent, looked)] == ["POST /tasks/upload", "GET /tasks/<task_id>"]
    assert facts(sent)["http.response.status_code"] == 202
    assert facts(sent)[tracing.TASK] == facts(looked)[tracing.TASK] == task
    assert sent.parent
    assert f"{sent.parent.span_id:016x}" in CALLER
    assert [s.name for s in attempts] == ["attempt import"] * 2
    assert [facts(s)[tracing.ATTEMPT] for s in attempts] == [1, 2]
    assert [facts(s)[tracing.EVENT] for s in attempts] == ["interrupted", "succeeded"]
    for span in attempts:
        assert facts(span)[tracing.TASK] == task
        assert span.parent
        assert sent.context
        assert (span.parent.trace_id, span.parent.span_id) == (sent.context.trace_id, sent.context.span_id)
        assert f"{span.parent.trace_id:032x}" in CALLER


def test_an_attempt_that_fails_says_so(house: House, spans: InMemorySpanExporter) -> None:
    task = send(house, b"a,b\n1,2\n1,2,3\n", on_error="abort")
    work(house)
    (span,) = finished(spans)
    assert span.status.status_code is StatusCode.ERROR
    assert facts(span)[tracing.EVENT] == "failed"
    error = house.control.get(task.id).error
    assert error
    assert span.status.description == error["code"]
    assert span.parent is None, "nobody traced its submission"


def test_nothing_is_traced_where_no_collector_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tracing.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    task = upload(house, people_csv(10), traceparent=CALLER)
    work(house)
    assert not tracing.on()
    assert all("traceparent" not in event.data for event in house.control.events(task))
