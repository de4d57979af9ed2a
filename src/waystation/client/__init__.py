"""The typed client of Waystation's HTTP API: what the command line uses, and other programs too. docs/client.md tells how.

    client = Client("http://127.0.0.1:5000", actor="ada")
    task = client.upload("people.csv", dataset="people", progress=True).wait()
    print(task.result["rows"])

Every refusal is raised as the class of `waystation.errors` that the server raised; where nothing answers, `ServerNotReachable`
is. A client holds no connection and may be shared between threads.
"""

from __future__ import annotations

from waystation.client.api import Client, ExportOptions, ImportOptions
from waystation.client.shapes import (
    ConsequenceJson,
    EventJson,
    Filter,
    LinkJson,
    ProgressJson,
    RejectJson,
    Saved,
    TaskJson,
    UploadJson,
)
from waystation.client.task import Task
from waystation.wire import error_of

__all__ = [
    "Client",
    "ConsequenceJson",
    "EventJson",
    "ExportOptions",
    "Filter",
    "ImportOptions",
    "LinkJson",
    "ProgressJson",
    "RejectJson",
    "Saved",
    "Task",
    "TaskJson",
    "UploadJson",
    "error_of",
]
