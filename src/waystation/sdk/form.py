"""What the functions of a kind must look like; whatever does not is refused when it is written, with the right form."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from waystation.errors import WrongKind
from waystation.sdk.steps import plain


def must_be_steps(kind: str, function: Callable[..., Any]) -> None:
    """Raise WrongKind unless this is a generator function of (ctx, params, cursor) whose cursor begins as something plain."""
    called = getattr(function, "__name__", str(function))
    if inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function):
        raise WrongKind(
            f"Kind {kind!r}: {called!r} is async; steps are a plain generator function (def, not async def).",
            remedy=f"{WrongKind.remedy}\nMany slow calls at a time: for item, answer in ctx.map(call, items, workers=8): …",
        )
    if not inspect.isgeneratorfunction(function):
        raise WrongKind(f"Kind {kind!r}: {called!r} is not a generator function; it must yield Checkpoint(…).")
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 3 or any(p.kind is not p.POSITIONAL_OR_KEYWORD for p in parameters):
        raise WrongKind(f"Kind {kind!r}: its function takes (ctx, params, cursor) and nothing else.")
    cursor = parameters[2]
    if cursor.default is cursor.empty:
        raise WrongKind(f"Kind {kind!r}: give the cursor of {called!r} the value that the first step begins with.")
    plain(cursor.default, f"first cursor of kind {kind!r}")


def must_take_one(kind: str, function: Callable[..., Any]) -> None:
    """Raise WrongKind unless this is a plain function of (ctx, params, effect)."""
    called = getattr(function, "__name__", str(function))
    plainly = not (inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function))
    if not callable(function) or not plainly or len(inspect.signature(function).parameters) != 3:
        raise WrongKind(
            f"Kind {kind!r}: {called!r} can't take back an effect: it is no plain function of (ctx, params, effect).",
            remedy="Write it as: @NAME.reverse\ndef take_back(ctx: Context, params: Params, effect: Effect) -> None: …",
        )


def params_of(kind: str, function: Callable[..., Any]) -> type[BaseModel]:
    """The pydantic model of the second parameter; WrongKind where there is none, or none that JSON can describe."""
    must_be_steps(kind, function)
    second = list(inspect.signature(function).parameters)[1]
    try:
        found = typing.get_type_hints(function).get(second)
    except NameError as error:
        raise WrongKind(f"Kind {kind!r}: the types of its function can't be resolved: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise WrongKind(f"Kind {kind!r}: annotate its second parameter with a pydantic model.")
    try:
        found.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise WrongKind(f"Kind {kind!r}: its parameters can't come as JSON: {error.message}.") from error
    return found
