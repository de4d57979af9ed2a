"""A span for each request, where traces are wanted: from its head to the last byte of its answer.

It stands below what the client was in the middle of (the header `traceparent`), and the attempts of what it submits stand below
it. Probes, scrapes and static files are left out: they come every few seconds and tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from werkzeug.wsgi import ClosingIterator

from waystation import tracing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def install(app: Flask) -> None:
    """Trace the requests of this app."""
    tracing.begin("web")
    app.before_request(_name)
    app.wsgi_app = Spans(app.wsgi_app)  # type: ignore[method-assign]


def _name() -> None:
    """Flask has found the route: it names the span, which would be another one for each task otherwise."""
    if tracing.on() and request.url_rule is not None:
        from opentelemetry import trace

        current = trace.get_current_span()
        current.update_name(f"{request.method} {request.url_rule.rule}")
        current.set_attribute("http.route", request.url_rule.rule)
        if (task := (request.view_args or {}).get("task_id")) is not None:
            tracing.tell(task=str(task))


class Spans:
    """The application inside, and a span around each of its answers."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        path = str(environ.get("PATH_INFO", ""))
        if not tracing.on() or path in QUIET or path.startswith("/static/"):
            return self._app(environ, start_response)
        from opentelemetry.trace import SpanKind, StatusCode, use_span

        method = str(environ["REQUEST_METHOD"])
        headers = {
            "traceparent": str(environ.get("HTTP_TRACEPARENT", "")),
            "tracestate": str(environ.get("HTTP_TRACESTATE", "")),
        }
        made = tracing.new_span(method, SpanKind.SERVER, headers)
        made.set_attributes({"http.request.method": method, "url.path": path})

        def started(status: str, *rest: Any) -> Any:
            code = int(status.split()[0])
            made.set_attribute("http.response.status_code", code)
            if code >= 500:
                made.set_status(StatusCode.ERROR)
            return start_response(status, *rest)

        try:
            with use_span(made):
                answer = self._app(environ, started)
        except BaseException:
            made.end()
            raise
        return ClosingIterator(answer, made.end)
