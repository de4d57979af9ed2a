"""The programs that an operator has registered in a TOML file: what each is called with, and what its output means."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from waystation.errors import WrongSetting

PLACE = re.compile(r"\{(\w+)\}")
PROGRESS = {"done", "total", "phase", "cursor"}  # the groups that a pattern may name
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Param(_Strict):
    """One parameter. What a request gives for it becomes a part of one argument, never more; no shell ever reads it."""

    type: Literal["text", "integer", "number", "boolean", "date", "upload"] = "text"
    help: str = ""
    default: str | int | float | bool | None = None
    optional: bool = False
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    max_length: int = Field(200, ge=1, le=4096)
    flag: str | None = None  # what a boolean that is true stands for


class Spec(_Strict):
    """One program.

    argv: the program and its arguments; `{name}` in one of them is a parameter, and an argument whose parameter is not given is
    left out. progress: a regular expression with groups named done, total, phase or cursor, searched for in each line of its
    output. resume: arguments that are added when it is started again, with the last `{cursor}` of its output. undo: what takes
    back what it did. grace: seconds from SIGTERM to SIGKILL. times: tries after an exit code that is not 0.
    """

    argv: tuple[str, ...] = Field(min_length=1)
    summary: str = ""
    unit: str = "steps"
    progress: str | None = None
    resume: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    cwd: Path | None = None
    env: dict[str, str] = {}
    grace: float = Field(5.0, ge=0, le=600)
    times: int = Field(0, ge=0, le=100)
    queue: str = "default"
    params: dict[str, Param] = {}


@dataclass(frozen=True, slots=True)
class Registered:
    """A program with its name, its parameters as a model, and its pattern compiled."""

    name: str
    spec: Spec
    model: type[BaseModel]
    progress: re.Pattern[bytes] | None


def read_programs(file: Path) -> list[Registered]:
    """The programs of a file. Raises WrongSetting, which names the program and what is wrong with it."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise WrongSetting(f"WAYSTATION_PROGRAMS: {file} can't be read: {error}.") from error
    return [_registered(file, name, value) for name, value in found.items()]


def _registered(file: Path, name: str, value: Any) -> Registered:
    def wrong(what: str) -> WrongSetting:
        return WrongSetting(
            f"WAYSTATION_PROGRAMS: {file}, program {name!r}: {what}.", remedy="See docs/programs.md for its form."
        )

    if not _NAME.match(name):
        raise wrong("its name must be a word of a-z, 0-9 and _")
    try:
        spec = Spec.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise wrong(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if odd := {p for p in spec.params if not _NAME.match(p) or p == "cursor" or p.startswith("model_")}:
        raise wrong(f"{sorted(odd)} are no names for parameters")
    if PLACE.search(spec.argv[0]):
        raise wrong("the program itself can't be a parameter")
    known = set(spec.params)
    for what, words, may in (
        ("argv", spec.argv, known),
        ("resume", spec.resume, known | {"cursor"}),
        ("undo", spec.undo, known),
    ):
        if unknown := {place for word in words for place in PLACE.findall(word)} - may:
            raise wrong(f"{what} names {sorted(unknown)}, which are no parameters of it")
    try:
        progress = re.compile(spec.progress.encode()) if spec.progress else None
        for param in spec.params.values():
            re.compile(param.pattern or "")
    except re.error as error:
        raise wrong(f"a pattern is no regular expression: {error}") from error
    if progress is not None and not 0 < len(set(progress.groupindex) & PROGRESS) == len(progress.groupindex):
        named = sorted(progress.groupindex) or "no group"
        raise wrong(f"progress names {named}; its groups are done, total, phase and cursor, as in (?P<done>\\d+)")
    if spec.resume and (progress is None or "cursor" not in progress.groupindex):
        raise wrong("resume needs a group (?P<cursor>…) in its progress pattern")
    for label, param in spec.params.items():
        if (param.flag is not None) != (param.type == "boolean"):
            raise wrong(f"parameter {label!r}: a boolean has a flag, and nothing else has")
    try:
        model = _model(name, spec)
    except (TypeError, ValueError) as error:
        raise wrong(f"its parameters: {error}") from error
    return Registered(name, spec, model, progress)


def _model(name: str, spec: Spec) -> type[BaseModel]:
    fields: dict[str, Any] = {label: _field(param) for label, param in spec.params.items()}
    made: type[BaseModel] = create_model(f"{name}_params", __config__=ConfigDict(extra="forbid"), **fields)
    for label, param in spec.params.items():
        if param.default is not None:  # a default that a request could not give is found at the start, not by a user
            made.__pydantic_validator__.validate_assignment(made.model_construct(), label, param.default)
    return made


def _no_option(value: str) -> str:
    """A value that a program would take for an option of its own is none."""
    if value.startswith("-"):
        raise ValueError("it may not begin with -")
    if "\0" in value:
        raise ValueError("it may not hold a zero byte")
    return value


def _field(param: Param) -> tuple[Any, Any]:
    kinds: dict[str, Any] = {"integer": int, "number": float, "boolean": bool, "date": date, "upload": UUID}
    rules: dict[str, Any] = {"description": param.help or None}
    if param.choices:
        wanted: Any = Literal[param.choices]
    elif param.type == "text":
        wanted = Annotated[str, AfterValidator(_no_option)]
        rules |= {"max_length": param.max_length, "pattern": f"^(?:{param.pattern})$" if param.pattern else None}
    else:
        wanted = kinds[param.type]
        rules |= {"ge": param.min, "le": param.max} if param.type in ("integer", "number") else {}
    default: Any = ...
    if param.default is not None:
        default = param.default
    elif param.type == "boolean":
        default = False
    elif param.optional:
        wanted, default = wanted | None, None
    return wanted, Field(default, validate_default=True, **{k: v for k, v in rules.items() if v is not None})


def words_of(template: tuple[str, ...], spec: Spec, values: Mapping[str, Any]) -> list[str]:
    """The arguments with the parameters in their places; one whose parameter is not given is left out."""
    out: list[str] = []
    for word in template:
        places = PLACE.findall(word)
        texts = [_text(spec.params.get(place), values.get(place)) for place in places]
        given = [text for text in texts if text is not None]
        if len(given) == len(places):
            filled = iter(given)
            out.append(PLACE.sub(lambda _: next(filled), word))  # noqa: B023 - it is used up at once
    return out


def _text(param: Param | None, value: Any) -> str | None:
    if param is not None and param.type == "boolean":
        return param.flag if value else None
    return None if value is None else str(value)
