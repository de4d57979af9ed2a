"""The options of `waystation upload`: those of an import request, with the words that the request itself is told in."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from waystation.client import ImportOptions
from waystation.errors import InvalidParams
from waystation.kinds import budget, request
from waystation.model import SQL_TYPES

Command = TypeVar("Command", bound=Callable[..., Any])


def _pair(text: str, what: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        raise click.BadParameter(f"{text!r} is not {what}.")
    return name, value


def _types(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    made: dict[str, str] = {}
    for text in values:
        column, found, kind = text.rpartition("=")
        if not found or kind not in SQL_TYPES:
            raise click.BadParameter(f"{text!r} is not COLUMN=TYPE with a type of {', '.join(SQL_TYPES)}.")
        made[column] = kind
    return made or None


def _columns(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | list[str] | None:
    if not any("=" in text for text in values):
        return list(values) or None
    return dict(_pair(text, "FILE=DATASET") if "=" in text else (text, text) for text in values)


def _constraints(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any] | None:
    made: dict[str, Any] = {}
    for text in values:
        column, rule = _pair(text, "COLUMN=JSON")
        try:
            made[column] = json.loads(rule)
            request.Rule.model_validate(made[column])
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the rule"
            raise click.BadParameter(f"{where} of {column!r}: {first['msg']}.") from None
        except ValueError as error:
            raise click.BadParameter(f"{rule!r} is not JSON: {error}.") from None
    return made or None


def _names(_ctx: click.Context, _param: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else next(csv.reader([value]), [])


def _budget(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.lower() not in ("none", "null"):
        try:
            budget.parse(value)
        except InvalidParams as error:
            raise click.BadParameter(f"{error.detail} {error.hint}") from None
    return value


def _told(option: str) -> str:
    """What the request says of it; null can't be said on a command line but in words."""
    return (
        (request.ImportOptions.model_fields[option].description or "")
        .replace("null if", "none if")
        .replace("null for", "none for")
    )


def _choice(name: str, *values: str) -> Callable[[Command], Command]:
    return click.option(f"--{name.replace('_', '-')}", name, type=click.Choice(values), help=_told(name))


OPTIONS = (
    _choice("mode", "append", "replace"),
    click.option(
        "--key-column",
        "key",
        multiple=True,
        metavar="NAME",
        help="A column by which a row is known; may be repeated. Needs --on-conflict.",
    ),
    _choice("on_conflict", "skip", "update"),
    click.option("--encoding", metavar="NAME", help=_told("encoding")),
    click.option("--delimiter", metavar="CHARACTER", help=f"{_told('delimiter')} The word tab stands for one."),
    click.option("--quote", metavar="CHARACTER", help=_told("quote")),
    click.option("--escape", metavar="CHARACTER", help=_told("escape")),
    click.option("--no-header", is_flag=True, help="The first line is a row already."),
    click.option(
        "--header", metavar="NAMES", callback=_names, help="The columns' names, between commas, of a file without a header."
    ),
    _choice("ragged", "reject", "fill"),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="NAME[=NEW]",
        callback=_columns,
        help="A column of the file to import, and what to call it; may be repeated. Without any, all are.",
    ),
    click.option(
        "--type", "types", multiple=True, metavar="COLUMN=TYPE", callback=_types, help="A column's type; may be repeated."
    ),
    _choice("dates", "ymd", "dmy", "mdy"),
    _choice("thousands", ",", ".", "'", " "),
    _choice("decimal", ".", ","),
    _choice("formulas", "keep", "unguard"),
    click.option("--null", "nulls", multiple=True, metavar="WORD", help="A word that means null, such as NA; may be repeated."),
    click.option(
        "--constraint",
        "constraints",
        multiple=True,
        metavar="COLUMN=JSON",
        callback=_constraints,
        help="""What a column's values must be, such as age='{"min": 0}'; may be repeated. """
        f"The words are {', '.join(request.Rule.model_fields)}.",
    ),
    _choice("on_error", "reject", "abort"),
    click.option("--max-errors", metavar="NUMBER|SHARE%", callback=_budget, help=_told("max_errors")),
    click.option("--dry-run", is_flag=True, help=_told("dry_run")),
    click.option("--allow-duplicate", is_flag=True, help=_told("allow_duplicate")),
)


def import_options(command: Command) -> Command:
    """Decorator: how a file is imported, as options; `asked` makes the request of them."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def asked(no_header: bool, **given: Any) -> ImportOptions:
    """What was said, and no more: all else is as the server has it."""
    if no_header and given["header"]:
        raise click.UsageError("--no-header and --header do not go together: --header names the columns of a file without one.")
    given["header"] = False if no_header else given["header"]
    for flag in ("dry_run", "allow_duplicate"):
        given[flag] = given[flag] or None
    for listed in ("nulls", "key"):
        given[listed] = list(given[listed]) or None
    said = {k: v for k, v in given.items() if v is not None}
    for option in ("quote", "escape", "max_errors"):
        if said.get(option, "").lower() in ("none", "null"):
            said[option] = None
    if said.get("delimiter") in ("tab", "\\t"):
        said["delimiter"] = "\t"
    return said  # type: ignore[return-value]
