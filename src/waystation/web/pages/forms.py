"""A form made from a JSON Schema, and what was typed into it read back as parameters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from waystation.errors import WaystationError
from waystation.model import JsonValue

Schema = Mapping[str, Any]
FILE = "upload"  # the parameter of a kind that takes a file


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form. `widget`: text, password, number, date, choice, file, json or lines."""

    name: str
    help: str
    widget: str
    required: bool
    value: str = ""
    hint: str = ""  # the default, shown while nothing is typed
    choices: tuple[str, ...] = ()
    problem: str = ""  # what is wrong with what was typed
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name in words."""
        words = self.name.replace("_", " ")
        return words[:1].upper() + words[1:]


def takes_file(schema: Schema) -> bool:
    """Whether a kind's tasks are given a file."""
    prop = _plain(schema.get("properties", {}).get(FILE, {}), schema)
    return prop.get("format") == "uuid"


def problems(error: WaystationError | None) -> dict[str, str]:
    """What is wrong with each field, as far as the error tells it of one."""
    told = error.extra.get("fields", ()) if error else ()
    return {str(one["field"]).partition(".")[0]: str(one["problem"]) for one in told}


def inputs(
    schema: Schema,
    values: Mapping[str, JsonValue] | None = None,
    *,
    without: Iterable[str] = (),
    wrong: Mapping[str, str] | None = None,
) -> list[Input]:
    """The fields of a schema's properties, filled with `values` (parameters, or what was typed); `wrong`: what is wrong."""
    left, given, problem = set(without), values or {}, wrong or {}
    required = set(schema.get("required", ()))
    return [
        replace(_input(name, _plain(prop, schema), name in required, given.get(name)), problem=problem.get(name, ""))
        for name, prop in schema.get("properties", {}).items()
        if name not in left
    ]


def _plain(prop: Schema, schema: Schema) -> dict[str, Any]:
    """The property with references followed and "or null" left out: an empty field says nothing anyway."""
    if "$ref" in prop:
        found = schema.get("$defs", {}).get(prop["$ref"].rpartition("/")[2], {})
        return _plain({**found, **{k: v for k, v in prop.items() if k != "$ref"}}, schema)
    options = [o for o in prop.get("anyOf", ()) if o.get("type") != "null"]
    rest = {k: v for k, v in prop.items() if k != "anyOf"}
    if "anyOf" in prop:
        rest["nullable"] = len(options) < len(prop["anyOf"])
        if len(options) == 1:
            return _plain({**options[0], **rest}, schema)
        if options:
            rest["type"] = "any" if any(o.get("type") in ("object", "array") for o in options) else "string"
    return rest


def _input(name: str, prop: dict[str, Any], required: bool, value: JsonValue) -> Input:
    kind, default = prop.get("type"), prop.get("default")
    attributes: dict[str, Any] = {
        html: prop[key]
        for html, key in (("min", "minimum"), ("max", "maximum"), ("pattern", "pattern"), ("maxlength", "maxLength"))
        if key in prop
    }
    choices: tuple[str, ...] = ()
    if name == FILE and prop.get("format") == "uuid":
        widget = "file"
    elif "enum" in prop or "const" in prop:
        widget, choices = "choice", tuple(str(v) for v in prop.get("enum", [prop.get("const")]))
    elif kind == "boolean":
        widget, choices = "choice", ("true", "false")
    elif kind in ("integer", "number") and not prop.get("nullable"):
        widget = "number"
        attributes.setdefault("step", 1 if kind == "integer" else "any")
    elif kind in ("object", "any") or (kind == "array" and prop.get("items", {}).get("type") != "string"):
        widget = "json"
    elif kind == "array":
        widget = "lines"
    elif prop.get("format") == "password":
        widget, value = "password", None  # a secret is never shown, nor is its mask sent as if it were one
        attributes["autocomplete"] = "new-password"
    else:
        widget = "date" if prop.get("format") == "date" else "text"
    return Input(
        name, prop.get("description", ""), widget, required, _typed(value), _typed(default), choices, attributes=attributes
    )


def _typed(value: JsonValue) -> str:
    """A value as it would be typed."""
    if value is None or value == {} or value == []:
        return ""
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "\n".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read(schema: Schema, typed: Mapping[str, str]) -> dict[str, JsonValue]:
    """The parameters that were typed. What was left empty is not among them; "none" is null where there may be one.

    What is not of the right form is handed on as it is: the kind's own check says what is wrong with it.
    """
    found: dict[str, JsonValue] = {}
    for name, text in typed.items():
        prop = _plain(schema.get("properties", {}).get(name, {}), schema)
        if text.strip() == "":
            continue
        if prop.get("nullable") and text.strip().lower() == "none":
            found[name] = None
        elif prop.get("type") in ("object", "array", "any"):
            found[name] = _structure(text, prop)
        else:
            found[name] = text if prop.get("type") == "string" else text.strip()
    return found


def _structure(text: str, prop: Schema) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        if prop.get("type") == "object":
            return text
        return [line.strip() for line in text.splitlines() if line.strip()]
