"""One registry of what the API can do: routes are added through it, and /openapi.json is written from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from waystation.errors import WaystationError

Errors = tuple[type[WaystationError], ...]
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer: its status, what it says, and the model or the media type of its body."""

    status: int = 200
    says: str = "The answer."
    model: type[BaseModel] | None = None
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path, with all that the reference says of it."""

    method: str
    path: str
    endpoint: str
    summary: str
    text: str
    tag: str
    answers: tuple[Answer, ...]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_types: tuple[str, ...] = ("application/json",)
    raw_body: str | None = None  # what a body that is not JSON or form holds
    raw_type: str = "text/csv"
    headers: dict[str, str] = field(default_factory=dict)
    errors: Errors = ()
    example: dict[str, Any] | None = None
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)  # values that a path parameter can take


class Room(Blueprint):
    """A blueprint whose routes say what they take and give."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.operations: list[Operation] = []

    def operation(self, method: str, path: str, summary: str, *answers: Answer, **more: Any) -> Callable[[View], View]:
        """Register the view for `method` on `path`; its docstring becomes the description.

        `more` holds Operation's other fields. Several methods on one view are several `operation`s on it.
        """

        def register(view: View) -> View:
            endpoint = f"{view.__name__}:{method.lower()}"
            self.add_url_rule(path, endpoint=endpoint, view_func=view, methods=[method], strict_slashes=False)
            text = " ".join((view.__doc__ or summary).split())
            self.operations.append(
                Operation(method, path, f"{self.name}.{endpoint}", summary, text, self.name, answers or (Answer(),), **more)
            )
            return view

        return register
