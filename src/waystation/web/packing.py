"""What goes over the wire is packed by gzip where the browser can take it: our static files once, and each page as it is made.

Nothing else is: results may be large or packed already, streams must not wait, and the API's answers are small. A page holds no
secret that somebody who watches the sizes of answers could guess at: logins are cookies, and other sites' requests bring none.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request

_TEXTS = frozenset({"text/html", "text/css", "text/javascript", "application/javascript", "image/svg+xml"})
_LEAST = 1024  # bytes below which it is not worth it


def install(app: Flask) -> None:
    """Pack the answers of this app."""
    app.after_request(_pack)


def _pack(response: Response) -> Response:
    static = request.endpoint == "static"
    if response.status_code != 200 or response.mimetype not in _TEXTS or (response.is_streamed and not static):
        return response
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings.quality("gzip") or "Range" in request.headers:
        return response
    if static:
        assert current_app.static_folder
        file = Path(current_app.static_folder, (request.view_args or {})["filename"])
        data = _packed(file, file.stat().st_mtime_ns)
        response.direct_passthrough = False
        response.response.close()  # type: ignore[union-attr]  # the open file
        tag, _ = response.get_etag()
        response.set_data(data)
        if tag:
            response.set_etag(tag, weak=True)  # the same file, but not the same bytes
    elif len(plain := response.get_data()) >= _LEAST:
        response.set_data(gzip.compress(plain, 5, mtime=0))
    else:
        return response
    response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=64)
def _packed(file: Path, changed: int) -> bytes:
    """The file, packed once for each of its versions."""
    return gzip.compress(file.read_bytes(), 9, mtime=0)
