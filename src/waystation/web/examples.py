"""An example of each operation of the API: shown in its reference, and sent by a test as it stands there.

What an operation needs no words for (a GET with ids in its path) gets its example by itself.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from waystation.web.operations import Operation
from waystation.web.tus import BODY, VERSION

TASK = "3f2c8a5e-0d5b-4c4e-9a53-6f1f2b7c8d90"
UPLOAD = "b51d6a1e-7c0f-4f0e-8a55-0c1d7e9f2a64"
FILE = "people.csv"
SAMPLE = b"name,age,record_date\nada,36,2015-12-10\nbob,41,2016-01-02\n"  # what FILE holds where sizes are told
_PARAM = re.compile(r"<(?:\w+:)?(\w+)>")
_PLACES = {"task_id": TASK, "upload_id": UPLOAD, "scope": "kind", "verb": "pause"}
_NAMES = {"datasets": "people", "tokens": "ada", "schedules": "nightly", "webhooks": "chat"}  # of what <name> stands for
_TUS = {"Tus-Resumable": VERSION}


@dataclass(frozen=True, slots=True)
class Example:
    """One request. `file` says how FILE is sent: as the field `file` of a form, or as the body of this media type."""

    places: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    file: str | None = None

    def path(self, operation: Operation) -> str:
        """Its path and query."""
        path = _PARAM.sub(lambda found: self.places[found[1]], operation.path)
        return f"{path}?{urlencode(self.query)}" if self.query else path


EXAMPLES: dict[tuple[str, str], Example] = {
    ("POST", "/tasks/upload"): Example(body={"dataset": "people"}, file="multipart/form-data"),
    ("POST", "/tasks/download"): Example(body={"dataset": "people", "from": "2015-01-01", "till": "2015-12-31"}),
    ("GET", "/tasks/download"): Example(query={"dataset": "people", "from": "2015-01-01", "till": "2015-12-31"}),
    ("POST", "/uploads"): Example(
        headers={
            **_TUS,
            "Upload-Length": str(len(SAMPLE)),
            "Upload-Metadata": f"filename {b64encode(FILE.encode()).decode()}",
        }
    ),
    ("HEAD", "/uploads/<upload_id>"): Example(headers=_TUS),
    ("PATCH", "/uploads/<upload_id>"): Example(headers={**_TUS, "Upload-Offset": "0"}, file=BODY),
    ("DELETE", "/uploads/<upload_id>"): Example(headers=_TUS),
    ("POST", "/uploads/<upload_id>"): Example(headers={**_TUS, "X-HTTP-Method-Override": "DELETE"}),
    ("GET", "/uploads/<upload_id>/preview"): Example(query={"dataset": "people"}),
    ("GET", "/tasks/"): Example(query={"kind": "import", "status": "succeeded", "limit": "20"}),
    ("GET", "/tasks/<task_id>"): Example(query={"wait": "30"}),
    ("POST", "/tasks/<task_id>/<verb>"): Example(body={"reason": "the others first"}),
    ("GET", "/tasks/<task_id>/<verb>/ask"): Example(places={"verb": "undo"}),
    ("GET", "/tasks/<task_id>/rejects"): Example(query={"format": "json", "limit": "100"}),
    ("GET", "/datasets/<name>/estimate"): Example(query={"from": "2015-01-01", "till": "2015-12-31", "filter": "age >= 18"}),
    ("GET", "/datasets/<name>/preview"): Example(query={"limit": "20"}),
    ("GET", "/audit"): Example(query={"act": "task.undo", "since": "2015-01-01T00:00:00Z"}),
    ("PUT", "/limits/<scope>/<name>"): Example(body={"running": 2, "reason": "the disk is slow today"}),
}


def example_of(operation: Operation) -> Example:
    """The example of an operation."""
    made = EXAMPLES.get((operation.method, operation.path), Example(body=operation.example))
    places = {name: _place(operation, name) for name in _PARAM.findall(operation.path)}
    return replace(made, places={**places, **made.places})


def _place(operation: Operation, name: str) -> str:
    if name == "name":
        return _NAMES.get(operation.path.split("/")[1], "import")
    return _PLACES.get(name) or next(iter(operation.choices.get(name, ("people",))))
