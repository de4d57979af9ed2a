"""How an upload is imported, as a query or a form says it: the import's own options, as texts."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from waystation.kinds.request import ImportOptions
from waystation.web.inputs import Input, json_object

_OBJECTS, _LISTS = frozenset({"types", "constraints"}), frozenset({"columns", "nulls", "header", "key"})
_NONE = frozenset({"null", "none"})


def _texts_in_schema(schema: dict[str, Any]) -> None:
    """A query and a form hold texts alone: what is a list or an object stands in one, as JSON or as words between commas."""
    for name, field in schema["properties"].items():
        if name in _OBJECTS or name in _LISTS:
            form = "A JSON object." if name in _OBJECTS else "Words between commas, or JSON."
            schema["properties"][name] = {"type": "string", "description": f"{field['description']} {form}"}
    schema.pop("$defs", None)


class Policies(Input, ImportOptions):
    """How an upload is imported."""

    model_config = ConfigDict(json_schema_extra=_texts_in_schema)

    dataset: str | None = Field(None, description="The dataset that gets the rows; `data` if none is named.")
    priority: int | None = Field(None, ge=-100, le=100, description="Higher is claimed earlier; by default its kind decides.")

    @field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: object, info: ValidationInfo) -> object:
        """A tab is hard to type into a form or a shell, and null can't be said there but in words."""
        name = info.field_name
        if not isinstance(value, str):
            return value
        if name in _OBJECTS or (name in _LISTS and value[:1] in ("[", "{")):
            return json_object(value)
        if name in _LISTS:
            flag = name == "header" and value.lower() in ("true", "false")
            return value if flag else [word.strip() for word in re.split(r",|\r?\n", value)]
        if name in ("quote", "escape", "max_errors") and value.lower() in _NONE:
            return None
        return "\t" if name == "delimiter" and value in ("tab", "\\t") else value

    def params(self) -> dict[str, Any]:
        """What is handed to the kind: only what was said, so that its own defaults hold."""
        return self.model_dump(exclude={"priority", "name", "file"}, exclude_unset=True)


class RawUpload(Policies):
    """How an upload that is the whole body of its request is called and imported."""

    name: str | None = Field(None, max_length=255, description="The file's name, for people; never used as a path.")


class MultipartUpload(Policies):
    """A file in a form, and how it is imported."""

    file: str = Field("", json_schema_extra={"format": "binary"}, description="The CSV file.")
