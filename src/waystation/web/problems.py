"""Errors as answers: `application/problem+json` for programs, a readable page for people."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, g, jsonify, make_response, redirect, render_template, request
from flask.globals import request_ctx
from gunicorn.http.errors import NoMoreData, ParseException
from psycopg import OperationalError
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from waystation import errors
from waystation.web import refusals

log = logging.getLogger("waystation.web")

_OF_STATUS: dict[int, type[errors.WaystationError]] = {
    400: errors.MalformedBody,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    408: errors.TooSlow,
    413: errors.TooLarge,
    415: errors.MalformedBody,
    416: errors.RangeNotSatisfiable,
    422: errors.InvalidRequest,
    503: errors.Unavailable,
}


def prefers_page() -> bool:
    """A person's browser asks, not a program: its Accept puts HTML before JSON, and this address has a page to show."""
    offered = ["application/json", "application/problem+json", "text/html"]
    return bool(g.get("has_page")) and request.accept_mimetypes.best_match(offered) == "text/html"


def answer(error: errors.WaystationError) -> Response:
    """The error as a response, with Retry-After where waiting helps."""
    if prefers_page():
        page = "problem_part.html" if "HX-Request" in request.headers else "problem.html"
        said = make_response(render_template(page, error=error))
    else:
        said = jsonify(error.problem())
        said.mimetype = "application/problem+json"
    said.status_code = error.status
    if error.retry_after is not None:
        said.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        said.headers["WWW-Authenticate"] = 'Bearer realm="waystation"'
    if error.status == 405:
        said.headers["Allow"] = ", ".join(_allowed())
    return said


def _allowed() -> list[str]:
    """The methods that this address answers to, without the one that was just refused."""
    assert request_ctx.url_adapter is not None
    methods = set(request_ctx.url_adapter.allowed_methods()) - {request.method, "OPTIONS"}
    return sorted(methods if "GET" in methods else methods - {"HEAD"})


def install(app: Flask) -> None:
    """Let `app` answer every error in this form."""
    app.register_error_handler(errors.WaystationError, _ours)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(BlockingIOError, _stands_still)
    for broken in (ParseException, NoMoreData):
        app.register_error_handler(broken, _body_breaks)
    for error in (OperationalError, PoolTimeout, PoolClosed, TooManyRequests):
        app.register_error_handler(error, _no_database)
    app.register_error_handler(Exception, _unexpected)


def _ours(error: errors.WaystationError) -> Response:
    if isinstance(error, errors.TokenNeeded) and _is_a_persons():
        if request.method == "GET":
            return _to_login()
        g.has_page = True
        error = errors.TokenNeeded(
            "Your login has ended, and nothing was changed.", remedy="Log in, come back to this page, and send it once more."
        )
    refusals.note(error)
    if error.status >= 500 and error.retry_after is None:
        log.error("%s %s: %s", request.method, request.path, error, exc_info=error)
    return answer(error)


def _is_a_persons() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _to_login() -> Response:
    """To the form, and from there to what was asked for; a script of ours is told to take the whole page there."""
    if "HX-Request" in request.headers:
        said = make_response("", 401)
        said.headers["HX-Redirect"] = f"/login?{urlencode({'next': urlsplit(request.headers.get('HX-Current-URL', '/')).path})}"
        return said
    return make_response(redirect(f"/login?{urlencode({'next': request.full_path.rstrip('?')})}", 303))


def _of_http(error: HTTPException) -> Response:
    if isinstance(error, RequestRedirect):
        return make_response(error.get_response())
    status = error.code or 500
    ours = _OF_STATUS.get(status, errors.InvalidRequest if status < 500 else errors.WaystationError)
    if status == 404:
        said = answer(ours(f"There is nothing at {request.path}."))
    elif isinstance(error, MethodNotAllowed):
        said = answer(ours(f"{request.path} does not answer to {request.method}."))
    else:
        phrase = HTTPStatus(status).phrase
        said = answer(ours(f"{phrase}: {error.description}" if error.description else f"{phrase}."))
        if status == 416:
            said.headers["Content-Range"] = dict(error.get_headers()).get("Content-Range", "bytes */*")
    return said


def _no_database(error: Exception) -> Response:
    log.warning("%s %s: the database does not answer: %s", request.method, request.path, error)
    return answer(errors.DatabaseUnavailable())


def _stands_still(error: BlockingIOError) -> Response:
    """A body that is read at once did not go on for as long as the socket waits."""
    log.info("%s %s: its body stands still: %s", request.method, request.path, error)
    return answer(errors.TooSlow())


def _body_breaks(error: Exception) -> Response:
    """Its chunks are not what they say, or end too early. Nobody can tell where the next request would begin."""
    said = answer(errors.MalformedBody(f"The body breaks off: {error or 'it has no end'}."))
    said.headers["Connection"] = "close"
    return said


def _unexpected(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(errors.WaystationError("Something went wrong inside Waystation; the log of the web process has the details."))
