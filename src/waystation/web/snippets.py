"""An example as a line for the shell: with curl, and with HTTPie."""

from __future__ import annotations

import json
from shlex import join, quote
from typing import Any

from waystation.web.examples import FILE, Example
from waystation.web.operations import Operation

HOST = "http://localhost:5000"


def curl(operation: Operation, example: Example, host: str = HOST) -> str:
    """The request as a call of curl."""
    words = ["curl"]
    if operation.method == "HEAD":
        words.append("--head")
    elif operation.method != ("POST" if example.body is not None else "GET"):
        words += ["--request", operation.method]
    if operation.path == "/events":
        words.append("--no-buffer")
    for name, value in example.headers.items():
        words += ["--header", f"{name}: {value}"]
    if example.file == "multipart/form-data":
        words += ["--form", f"file=@{FILE}"]
        for name, value in (example.body or {}).items():
            words += ["--form", f"{name}={value}"]
    elif example.file is not None:
        words += ["--header", f"Content-Type: {example.file}", "--data-binary", f"@{FILE}"]
    elif example.body is not None:
        words += ["--header", "Content-Type: application/json", "--data", json.dumps(example.body)]
    return join([*words, f"{host}{example.path(operation)}"])


def httpie(operation: Operation, example: Example, host: str = ":5000") -> str:
    """The same as a call of HTTPie."""
    bare = Example(places=example.places).path(operation)
    form = example.file == "multipart/form-data"
    words = ["http", *(["--form"] if form else []), *(["--stream"] if operation.path == "/events" else [])]
    words += [operation.method, f"{host}{bare}"]
    words += [f"{name}=={value}" for name, value in example.query.items()]
    words += [f"{name}:{value}" for name, value in example.headers.items()]
    if form:
        words.append(f"file@{FILE}")
    elif example.file is not None:
        words += [f"Content-Type:{example.file}", f"@{FILE}"]
    words += [_item(name, value) for name, value in (example.body or {}).items()]
    return " ".join(_readable(word) for word in words)


def _item(name: str, value: Any) -> str:
    return f"{name}={value}" if isinstance(value, str) else f"{name}:={json.dumps(value)}"


def _readable(word: str) -> str:
    """Quoted where a shell needs it, and there after the `=`, as people write it."""
    name, sign, value = word.partition("=")
    if quote(word) == word or not sign or quote(name) != name or value.startswith("="):
        return quote(word)
    return f"{name}={quote(value)}"
