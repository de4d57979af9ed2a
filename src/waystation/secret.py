"""Secrets among the parameters of a task: kept apart from them, and masked wherever a text could show one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

MASK = "**********"  # as pydantic writes a SecretStr
SHORTEST = 4  # letters; a shorter text may stand anywhere by chance, and is masked as a parameter only


def parted(model: BaseModel) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters as JSON with their secrets masked, and the secrets by their places ("login/password")."""
    secrets = dict(_found(model.model_dump(mode="python", by_alias=True), ()))
    return model.model_dump(mode="json", by_alias=True), secrets


def _found(value: object, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if hasattr(value, "get_secret_value"):
        secret = value.get_secret_value()
        if secret is not None:
            yield "/".join(part.replace("~", "~0").replace("/", "~1") for part in place), str(secret)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _found(inner, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _found(inner, (*place, str(number)))


def whole(params: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Parameters with their secrets in their places."""
    made = deepcopy(dict(params))
    for place, secret in secrets.items():
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in place.split("/"))
        inner: Any = made
        for part in way:
            inner = inner[int(part) if isinstance(inner, list) else part]
        inner[int(last) if isinstance(inner, list) else last] = secret
    return made


class Mask:
    """Replaces secrets in texts, and in all texts of a JSON value, also as they are written in JSON, in Python or in a URL."""

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        forms: set[str] = set()
        for secret in (secrets or {}).values():
            if len(secret) >= SHORTEST:
                forms |= {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote(secret, safe="")}
        self._forms = sorted(forms, key=len, reverse=True)  # longer ones first: one may hold another

    def __call__(self, value: Any) -> Any:
        """The value without secrets."""
        if not self._forms:
            return value
        if isinstance(value, str):
            for form in self._forms:
                value = value.replace(form, MASK)
            return value
        if isinstance(value, Mapping):
            return {self(key): self(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self(inner) for inner in value]
        return value
