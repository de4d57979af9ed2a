"""The registry of operations written as an OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from waystation import __version__
from waystation.access import LEAST, Need
from waystation.errors import NotAllowed, TokenNeeded, TooManyRequests, WaystationError, WrongToken
from waystation.web.addresses import COOKIE
from waystation.web.examples import Example, example_of
from waystation.web.operations import Answer, Operation
from waystation.web.snippets import curl, httpie

_PARAM = re.compile(r"<(?:(\w+):)?(\w+)>")
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, and what to do about it (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "remedy"],
    "properties": {
        "type": {"type": "string", "description": "Page that explains this kind of error."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence about this very case."},
        "code": {"type": "string", "description": "A word that programs can rely on."},
        "remedy": {"type": "string", "description": "What to do about it."},
    },
    "additionalProperties": True,
}
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token; none is needed where none was ever made.",
    },
    "login": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A login of the page."},
}
_ANYTIME = "Any request can also end in `invalid-request` (422), `database-unavailable` (503) or `internal` (500)."


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole OpenAPI document, as a JSON-able dict."""
    listed = sorted(operations, key=lambda op: (op.path, op.method))
    paths: dict[str, dict[str, Any]] = {}
    for op in listed:
        paths.setdefault(_PARAM.sub(r"{\2}", op.path), {})[op.method.lower()] = _operation(op)
    schemas = _schemas(listed)
    schemas["Problem"] = _PROBLEM
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Waystation",
            "version": __version__,
            "summary": "Long-running tasks that can be paused, resumed, stopped, terminated and undone.",
            "description": f"Every error is `application/problem+json`; [the table](/docs/errors) lists them. {_ANYTIME}",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(op.tag for op in operations)],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def _schemas(operations: list[Operation]) -> dict[str, Any]:
    asked = {m for op in operations for m in (op.body,) if m is not None}
    given = {a.model for op in operations for a in op.answers if a.model is not None}
    wanted = [(m, "validation") for m in asked] + [(m, "serialization") for m in given]
    wanted.sort(key=lambda pair: pair[0].__name__)
    _, top = models_json_schema(wanted, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas: dict[str, Any] = top.get("$defs", {})
    return schemas


def _operation(op: Operation) -> dict[str, Any]:
    example = example_of(op)
    lines = {"curl": curl(op, example), "http": httpie(op, example)}
    out: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", op.endpoint.partition(".")[2]),
        "summary": op.summary,
        "description": "\n\n".join([op.text, *_who(op), *(f"```sh\n{line}\n```" for line in lines.values())]),
        "x-codeSamples": [{"lang": "Shell", "label": label, "source": line} for label, line in lines.items()],
        "tags": [op.tag],
        "x-needs": op.needs.value,
        "security": [] if op.needs is Need.NOTHING else [{scheme: []} for scheme in _SCHEMES],
        "responses": {**_answers(op.answers), **_errors(_all_errors(op))},
    }
    if parameters := [*_path_parameters(op), *_query_parameters(op.query), *_header_parameters(op.headers)]:
        given = {"path": example.places, "query": example.query, "header": example.headers}
        for parameter in parameters:
            if (value := given[parameter["in"]].get(parameter["name"])) is not None:
                parameter["example"] = value
        out["parameters"] = parameters
    if content := _body(op, example):
        out["requestBody"] = {"content": content}
    return out


def _who(op: Operation) -> list[str]:
    if op.needs is Need.NOTHING:
        return []
    own = "; on what others made, `manager`" if op.needs is Need.OWN else ""
    return [f"With a token: of role `{LEAST[op.needs]}` or higher{own}."]


def _path_parameters(op: Operation) -> list[dict[str, Any]]:
    out = []
    for _, name in _PARAM.findall(op.path):
        schema: dict[str, Any] = {"type": "string"}
        if name in op.choices:
            schema["enum"] = list(op.choices[name])
        out.append({"name": name, "in": "path", "required": True, "schema": schema})
    return out


def _query_parameters(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    schema = model.model_json_schema()
    defs = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.pop("description", ""),
            "schema": _inline({k: v for k, v in field.items() if k != "title"}, defs),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _inline(node: Any, defs: dict[str, Any]) -> Any:
    """A parameter's schema has no place for definitions: the enums that it names are put where they are named."""
    if isinstance(node, dict):
        if "$ref" in node:
            return _inline(defs[node["$ref"].rpartition("/")[2]], defs)
        return {name: _inline(value, defs) for name, value in node.items()}
    return [_inline(value, defs) for value in node] if isinstance(node, list) else node


def _header_parameters(headers: dict[str, str]) -> list[dict[str, Any]]:
    return [{"name": n, "in": "header", "description": text, "schema": {"type": "string"}} for n, text in headers.items()]


def _body(op: Operation, example: Example) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if op.body is not None:
        for media_type in op.body_types:
            content[media_type] = {"schema": {"$ref": f"#/components/schemas/{op.body.__name__}"}}
            if example.body is not None:
                content[media_type]["examples"] = {"example": {"summary": op.summary, "value": example.body}}
    if op.raw_body is not None:
        content[op.raw_type] = {"schema": {"type": "string", "format": "binary", "description": op.raw_body}}
    return content


def _answers(answers: tuple[Answer, ...]) -> dict[str, Any]:
    """One entry a status; what has it in several forms is several answers, whose words and media types stand together."""
    out: dict[str, Any] = {}
    for answer in answers:
        said: dict[str, Any] = {"description": answer.says}
        if answer.model is not None:
            said["content"] = {answer.media_type: {"schema": {"$ref": f"#/components/schemas/{answer.model.__name__}"}}}
        elif answer.status not in (204, 303, 304):
            schema = {"type": "object"} if answer.media_type == "application/json" else {"type": "string"}
            said["content"] = {answer.media_type: {"schema": schema}}
        if answer.headers:
            said["headers"] = {n: {"description": text, "schema": {"type": "string"}} for n, text in answer.headers.items()}
        if (before := out.get(str(answer.status))) is not None:
            said["description"] = f"{before['description']} {said['description']}"
            said["content"] = {**before.get("content", {}), **said.get("content", {})}
        out[str(answer.status)] = said
    return out


def _all_errors(op: Operation) -> tuple[type[WaystationError], ...]:
    """Its own, and those of whoever must say who they are."""
    return op.errors if op.needs is Need.NOTHING else (*op.errors, TokenNeeded, WrongToken, NotAllowed, TooManyRequests)


def _errors(errors: tuple[type[WaystationError], ...]) -> dict[str, Any]:
    """One entry a status (OpenAPI has no more), naming each code that it can carry."""

    def add(out: dict[str, list[str]], error: type[WaystationError]) -> dict[str, list[str]]:
        out.setdefault(str(error.status), []).append(error.code)
        return out

    by_status: dict[str, list[str]] = reduce(add, errors, {})
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    out: dict[str, Any] = {
        status: {"description": ", ".join(f"`{code}`" for code in codes), "content": problem}
        for status, codes in sorted(by_status.items())
    }
    out["default"] = {"description": "Any other problem.", "content": problem}
    return out
