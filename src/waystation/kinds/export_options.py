"""What a request for a file of rows may ask: which columns and rows, and how they are written."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from waystation import outputs
from waystation.csvio.packed import MEDIA_TYPE, SUFFIX, Compression
from waystation.filters import LONGEST
from waystation.sdk import Layout

MEDIA_TYPES: dict[str, str] = {
    **outputs.MEDIA_TYPES,
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "jsonl": "application/x-ndjson",
}
_OF_TEXTS = ("delimiter", "quoting", "null", "dates", "bom", "formulas")  # options that say how texts are written
_DELIMITER = re.compile(r"[\t!#$%&*,/:;<>?@^_`{|}~]").fullmatch


def _names(value: object) -> object:
    """A query or a form names columns in one text: parted by commas, or as a JSON list where a name has a comma in it."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON list: {error}") from error
    return [name.strip() for name in value.split(",")]


def _tab(value: object) -> object:
    """A tab is hard to type into a form or a shell."""
    return "\t" if value in ("tab", "\\t") else value


class ExportOptions(BaseModel):
    """Options of an export; without any, all columns of all rows as CSV in the order of the files."""

    columns: Annotated[list[str] | None, BeforeValidator(_names)] = Field(
        None,
        min_length=1,
        max_length=1600,
        description="Columns in the order that is wanted, parted by commas or as a JSON list; all if not given.",
    )
    filter: str | None = Field(
        None,
        max_length=LONGEST,
        description="Only rows of which this is true, such as `age >= 18 and not (city in ('Bonn', 'Ulm') or email is null)`.",
    )
    order: str | None = Field(
        None,
        max_length=200,
        description="Sort by a column, such as `age` or `age desc`; nulls come last. Without it the order of the files.",
    )
    format: Literal["csv", "tsv", "jsonl", "parquet", "xlsx"] | None = Field(
        None, description="Form of the file: csv (default), tsv, jsonl, parquet or xlsx."
    )
    compression: Compression | None = Field(None, description="gzip or zstd; not compressed if not given.")
    delimiter: Annotated[str | None, BeforeValidator(_tab)] = Field(
        None, description="What parts the fields of a csv: one sign such as `;` or `|`, or the word `tab`; a comma by default."
    )
    quoting: Literal["minimal", "all"] | None = Field(
        None, description="Which fields are quoted: those that need it (minimal, the default), or all that are not null."
    )
    null: str | None = Field(None, max_length=40, description="The word for null; by default nothing at all.")
    dates: Literal["ymd", "dmy", "mdy"] | None = Field(
        None, description="How dates are written: ymd (2024-12-31, the default), dmy (31/12/2024) or mdy (12/31/2024)."
    )
    bom: bool | None = Field(None, description="Begin with a byte order mark, by which Excel knows UTF-8.")
    formulas: Literal["keep", "guard"] | None = Field(
        None, description="guard: a quote before each text that a spreadsheet would run as a formula. keep is the default."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ExportOptions:
        if self.format not in (None, "csv", "tsv"):
            no_meaning = _OF_TEXTS if self.format == "jsonl" else ("compression", *_OF_TEXTS)
            given = [n for n in no_meaning if getattr(self, n) is not None]
            if given:
                raise ValueError(f"`{given[0]}` has no meaning for {self.format}: leave it out, or ask for csv or tsv")
        if self.format == "tsv" and self.delimiter not in (None, "\t"):
            raise ValueError("`delimiter` of a tsv is the tab: leave it out, or ask for csv")
        if self.delimiter is not None and not _DELIMITER(self.delimiter):
            raise ValueError("`delimiter` must be one sign that is no letter, digit, blank, point or quote, or the word tab")
        if self.null is not None and any(sign in self.null for sign in ('"', "\r", "\n", self.layout().separator)):
            raise ValueError("`null` can't hold a quote, a line end or the delimiter")
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            raise ValueError("`columns` names a column twice")
        return self

    def layout(self) -> Layout:
        """How the rows are written."""
        return Layout(
            format="lines" if self.converted else self.format or "csv",  # type: ignore[arg-type]
            delimiter=self.delimiter or ",",
            quoting=self.quoting or "minimal",
            null=self.null or "",
            dates=self.dates or "ymd",
            guard=self.formulas == "guard",
            bom=bool(self.bom),
        )

    @property
    def converted(self) -> outputs.Form | None:
        """The form, if it is one that is made of the rows when they are all there."""
        return next((form for form in outputs.FORMS if form == self.format), None)

    def file(self, stem: str) -> tuple[str, str]:
        """The name of the file, whose ending says its form, and its media type."""
        form = self.format or "csv"
        if self.compression:
            return f"{stem}.{form}{SUFFIX[self.compression]}", MEDIA_TYPE[self.compression]
        return f"{stem}.{form}", MEDIA_TYPES[form]
