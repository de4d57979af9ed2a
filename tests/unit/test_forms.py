"""Forms made from JSON Schemas, and what is typed into them."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from waystation.web.pages.forms import inputs, read


class Everything(BaseModel):
    """One field of each sort."""

    rows: int = Field(100, ge=1, le=500, description="How many.")
    share: float | None = None
    name: str = Field(min_length=1)
    day: date | None = Field(None, alias="from")
    mode: Literal["append", "replace"] = "append"
    sure: bool = False
    most: int | None = Field(10, ge=0)
    types: dict[str, str] = {}
    words: list[str] = []
    header: bool | list[str] = True


SCHEMA = Everything.model_json_schema()


def test_each_sort_of_property_has_its_field() -> None:
    made = {f.name: f for f in inputs(SCHEMA)}
    assert {name: f.widget for name, f in made.items()} == {
        "rows": "number",
        "share": "text",
        "name": "text",
        "from": "date",
        "mode": "choice",
        "sure": "choice",
        "most": "text",
        "types": "json",
        "words": "lines",
        "header": "json",
    }
    assert made["rows"].attributes == {"min": 1, "max": 500, "step": 1}
    assert (made["rows"].hint, made["rows"].help, made["rows"].label) == ("100", "How many.", "Rows")
    assert [f.name for f in made.values() if f.required] == ["name"]
    assert made["mode"].choices == ("append", "replace")


def test_what_is_typed_becomes_parameters_and_what_is_not_keeps_its_default() -> None:
    typed = {
        "rows": "7",
        "share": "",
        "name": "ada",
        "from": "2020-01-02",
        "sure": "true",
        "most": "none",
        "types": '{"a": "text"}',
        "words": "NA\n n/a \n",
        "header": '["a", "b"]',
    }
    found = Everything.model_validate(read(SCHEMA, typed))
    assert (found.rows, found.share, found.day, found.sure, found.most) == (7, None, date(2020, 1, 2), True, None)
    assert (found.types, found.words, found.header, found.mode) == ({"a": "text"}, ["NA", "n/a"], ["a", "b"], "append")


def test_a_form_filled_with_parameters_gives_them_again() -> None:
    given = {"rows": 5, "name": "x", "types": {"a": "date"}, "words": ["p", "q"], "sure": True, "header": False}
    typed = {f.name: f.value for f in inputs(SCHEMA, given)}
    assert Everything.model_validate(read(SCHEMA, typed)) == Everything.model_validate(given)
