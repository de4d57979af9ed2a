"""One registry of what the API can do: routes are added through it, and /openapi.json is written from it.

Every address says what it needs of its caller, those of the page too: without a word it fails when its module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from waystation.access import Need
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
    needs: Need
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_types: tuple[str, ...] = ("application/json",)
    raw_body: str | None = None  # what a body that is not JSON or form holds
    raw_type: str = "text/csv"
    headers: dict[str, str] = field(default_factory=dict)
    errors: Errors = ()
    example: dict[str, Any] | None = None
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)  # values that a path parameter can take


class Guarded(Blueprint):
    """A blueprint each of whose routes says what it needs of its caller; `room.get("/upload", needs=Need.SUBMIT)`."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.needs: dict[str, Need] = {}  # by endpoint, with this blueprint's name before it

    def add_url_rule(  # type: ignore[override]
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., ResponseReturnValue] | None = None,
        *,
        needs: Need | None = None,
        **options: Any,
    ) -> None:
        """As Flask's own. Raises TypeError for a route that says nothing of who may ask for it."""
        if needs is None:
            raise TypeError(f"The route {rule} does not say what it needs of its caller: give it needs=Need.SEE, or another.")
        assert view_func is not None
        endpoint = endpoint or view_func.__name__
        self.needs[f"{self.name}.{endpoint}"] = needs
        super().add_url_rule(rule, endpoint, view_func, **options)


def needs_of(app: Flask) -> dict[str, Need]:
    """What each endpoint of the app needs; nobody asks who fetches a style sheet."""
    rooms = [room for room in app.blueprints.values() if isinstance(room, Guarded)]
    return {"static": Need.NOTHING} | {endpoint: need for room in rooms for endpoint, need in room.needs.items()}


class Room(Guarded):
    """A blueprint whose routes say what they take and give."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.operations: list[Operation] = []

    def operation(
        self, method: str, path: str, summary: str, *answers: Answer, needs: Need, **more: Any
    ) -> Callable[[View], View]:
        """Register the view for `method` on `path`; its docstring becomes the description.

        `needs`: what it asks of its caller. `more` holds Operation's other fields. Several methods on one view are several
        `operation`s on it.
        """

        def register(view: View) -> View:
            endpoint = f"{view.__name__}:{method.lower()}"
            self.add_url_rule(path, endpoint, view, needs=needs, methods=[method], strict_slashes=False)
            text = " ".join((view.__doc__ or summary).split())
            self.operations.append(
                Operation(
                    method, path, f"{self.name}.{endpoint}", summary, text, self.name, answers or (Answer(),), needs, **more
                )
            )
            return view

        return register
