"""Each option can be asked by HTTP, on the command line and with the client, and is told of in the reference."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from waystation.cli.importing import asked, import_options
from waystation.client import ImportOptions as ClientOptions
from waystation.kinds.request import ImportOptions, ImportParams
from waystation.web.inputs import check
from waystation.web.policies import MultipartUpload, RawUpload

OPTIONS = set(ImportOptions.model_fields)


def said(*words: str) -> dict[str, Any]:
    """What a command line asks for."""
    made: list[Any] = []

    @click.command()
    @import_options
    def command(**given: Any) -> None:
        made.append(asked(**given))

    result = CliRunner().invoke(command, words, standalone_mode=False)
    if result.exception:
        raise result.exception
    asked_for: dict[str, Any] = made[0]
    return asked_for


def test_the_client_and_the_command_line_know_every_option() -> None:
    assert set(ClientOptions.__annotations__) == OPTIONS

    @import_options
    def command() -> None: ...

    names = {param.name for param in click.command()(command).params}
    assert names - {"no_header"} == OPTIONS


@pytest.mark.parametrize("model", [RawUpload, MultipartUpload])
def test_the_reference_tells_of_every_option(model: type[RawUpload]) -> None:
    told = model.model_json_schema()["properties"]
    assert set(told) >= OPTIONS
    assert all(told[name]["description"].endswith(".") for name in OPTIONS)
    assert all(field.description for field in ImportParams.model_fields.values())


SAME: list[tuple[tuple[str, ...], dict[str, str], dict[str, Any]]] = [
    (("--mode", "replace"), {"mode": "replace"}, {"mode": "replace"}),
    (
        ("--key-column", "a", "--key-column", "b", "--on-conflict", "skip"),
        {"key": "a, b", "on_conflict": "skip"},
        {"key": ["a", "b"], "on_conflict": "skip"},
    ),
    (("--encoding", "latin-1"), {"encoding": "latin-1"}, {"encoding": "latin-1"}),
    (("--delimiter", "tab"), {"delimiter": "tab"}, {"delimiter": "\t"}),
    (("--quote", "none"), {"quote": "none"}, {"quote": None}),
    (("--escape", "\\"), {"escape": "\\"}, {"escape": "\\"}),
    (("--no-header",), {"header": "false"}, {"header": False}),
    (("--header", 'a,"b,c"'), {"header": '["a", "b,c"]'}, {"header": ["a", "b,c"]}),
    (("--header", "a,b"), {"header": "a, b"}, {"header": ["a", "b"]}),
    (("--ragged", "fill"), {"ragged": "fill"}, {"ragged": "fill"}),
    (("--column", "a", "--column", "b"), {"columns": "a,b"}, {"columns": ["a", "b"]}),
    (("--column", "a=x", "--column", "b"), {"columns": '{"a": "x", "b": "b"}'}, {"columns": {"a": "x", "b": "b"}}),
    (("--type", "a=b=text"), {"types": '{"a=b": "text"}'}, {"types": {"a=b": "text"}}),
    (("--dates", "dmy"), {"dates": "dmy"}, {"dates": "dmy"}),
    (("--thousands", "'"), {"thousands": "'"}, {"thousands": "'"}),
    (("--decimal", ","), {"decimal": ","}, {"decimal": ","}),
    (("--formulas", "unguard"), {"formulas": "unguard"}, {"formulas": "unguard"}),
    (("--null", "NA", "--null", "-"), {"nulls": "NA,-"}, {"nulls": ["NA", "-"]}),
    (
        ("--constraint", 'a={"min": 0}', "--constraint", 'b={"one_of": ["x"]}'),
        {"constraints": '{"a": {"min": 0}, "b": {"one_of": ["x"]}}'},
        {"constraints": {"a": {"min": 0}, "b": {"one_of": ["x"]}}},
    ),
    (("--on-error", "abort"), {"on_error": "abort"}, {"on_error": "abort"}),
    (("--max-errors", "1%"), {"max_errors": "1%"}, {"max_errors": "1%"}),
    (("--max-errors", "none"), {"max_errors": "null"}, {"max_errors": None}),
    (("--dry-run",), {"dry_run": "true"}, {"dry_run": True}),
    (("--allow-duplicate",), {"allow_duplicate": "true"}, {"allow_duplicate": True}),
]


@pytest.mark.parametrize(("words", "query", "params"), SAME)
def test_a_query_a_command_line_and_json_say_the_same(
    words: tuple[str, ...], query: dict[str, str], params: dict[str, Any]
) -> None:
    assert said(*words) == params
    assert check(RawUpload, dict(query)).params() == params
    whole = ImportParams.model_validate({"upload": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", **params})
    assert {name: whole.model_dump(exclude_unset=True)[name] for name in params} == params


def test_every_option_is_among_those_compared() -> None:
    assert {name for _, _, params in SAME for name in params} == OPTIONS


@pytest.mark.parametrize(
    "words",
    [
        ("--type", "a"),
        ("--type", "a=int"),
        ("--column", "=x", "--column", "b=c"),
        ("--constraint", "a"),
        ("--constraint", "a={"),
        ("--constraint", 'a={"least": 1}'),
        ("--max-errors", "many"),
        ("--no-header", "--header", "a"),
        ("--mode", "merge"),
    ],
)
def test_what_a_command_line_can_not_ask(words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        said(*words)
