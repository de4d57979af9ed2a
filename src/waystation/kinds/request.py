"""What an import request can ask."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from waystation.csvio.constraints import Constraint
from waystation.csvio.formats import DateOrder, ValueFormat
from waystation.errors import InvalidParams
from waystation.kinds import budget
from waystation.model import SQL_TYPES

Sign = Annotated[str, Field(min_length=1, max_length=1)]
Scalar = str | int | float | bool


def _budget(value: object) -> budget.MaxErrors:
    try:
        return budget.parse(value)
    except InvalidParams as error:
        raise ValueError(f"{error.detail} {error.hint}") from error


class Rule(BaseModel):
    """What the values of a column must be, besides of its type."""

    model_config = ConfigDict(extra="forbid")

    required: bool = Field(False, description="An empty value is rejected.")
    min: Scalar | None = Field(None, description="The least value, of a number, a date or a time; included.")
    max: Scalar | None = Field(None, description="The greatest value; included.")
    pattern: str | None = Field(None, description="A regular expression (RE2) that fits the whole value.")
    one_of: list[Scalar] | None = Field(None, max_length=10_000, description="The values that there may be.")

    def constraint(self) -> Constraint:
        """The same as csvio knows it."""
        values = None if self.one_of is None else tuple(map(_text, self.one_of))
        least, greatest = (None if bound is None else _text(bound) for bound in (self.min, self.max))
        return Constraint(least, greatest, self.pattern, values)


def _text(value: Scalar) -> str:
    """A bound or a value as a CSV would hold it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class ImportOptions(BaseModel):
    """How a file is imported."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["append", "replace"] = Field(
        "append", description="Whether the rows are added to those of the dataset, or stand in their place once all are in."
    )
    key: list[str] | None = Field(
        None,
        min_length=1,
        max_length=32,
        description="Columns by whose values a row is known, so that none gets in twice: see on_conflict. No empty ones.",
    )
    on_conflict: Literal["skip", "update"] | None = Field(
        None,
        description="What becomes of a row whose key is there already: it is left out, or its values are put in place.",
    )
    encoding: str | None = Field(
        None, max_length=40, description="The file's encoding, such as windows-1252 or utf-16; told by its bytes if not given."
    )
    delimiter: Sign | None = Field(None, description="What parts the fields; found if not given.")
    quote: Sign | None = Field('"', description="What fields are quoted by; null if nothing is quoted.")
    escape: Sign | None = Field(None, description="What takes the meaning from the character after it, if anything does.")
    header: bool | list[str] = Field(
        True, description="false where the first line is a row already; or the names of the columns of such a file."
    )
    ragged: Literal["reject", "fill"] = Field(
        "reject", description="What becomes of a row with too few fields: it is rejected, or those that are missing are null."
    )

    columns: list[str] | dict[str, str] | None = Field(
        None,
        description="The columns that are imported: a list, or the name of each in the dataset by its name in the file.",
    )
    types: dict[str, str] = Field({}, description=f"Types of columns by name: {', '.join(SQL_TYPES)}.")
    dates: DateOrder | None = Field(
        None,
        description="How dates that are not ISO are read: dmy (31/12/2020) or mdy; if not given, as the file settles it.",
    )
    thousands: Literal[",", ".", "'", " "] | None = Field(
        None, description="What parts groups of three digits, if anything does."
    )
    decimal: Literal[".", ","] = Field(".", description="The sign before the fraction of a number.")
    nulls: list[str] = Field([], max_length=100, description="Words that mean null, such as NA; an empty field always does.")
    formulas: Literal["keep", "unguard"] = Field(
        "keep", description="unguard takes off the quote that an export with formulas=guard put before texts."
    )
    constraints: dict[str, Rule] = Field({}, description="What the values of columns must be, by the columns' names.")

    on_error: Literal["reject", "abort"] = Field("reject", description="What to do with a row that does not fit.")
    max_errors: Annotated[int | str | None, BeforeValidator(_budget)] = Field(
        10_000,
        description="Rejected rows after which the task fails: a number, or a share of all rows such as 1%; null for no limit.",
    )
    dry_run: bool = Field(False, description="Check the file and publish nothing.")
    allow_duplicate: bool = Field(
        False, description="Import the file even if the same one is in the dataset already, or on its way there."
    )

    @model_validator(mode="after")
    def _key_and_conflict(self) -> Self:
        if (self.key is None) is not (self.on_conflict is None):
            raise ValueError(
                "`key` names the columns, and `on_conflict` (skip or update) says what becomes of a row whose key is there"
                " already: give both or neither"
            )
        return self

    @property
    def form(self) -> ValueFormat:
        """How values are written. Raises InvalidParams for signs that can't be told apart."""
        try:
            return ValueFormat(
                self.dates or "ymd", self.thousands or "", self.decimal, tuple(self.nulls), self.formulas == "unguard"
            )
        except ValueError as error:
            raise InvalidParams(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error

    @property
    def written(self) -> dict[str, Any]:
        """What is said of how the file is written, for sniff."""
        return {
            "delimiter": self.delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "header": self.header,
            "guarded": self.formulas == "unguard",
        }


class ImportParams(ImportOptions):
    """What to import, and how."""

    upload: UUID = Field(description="The uploaded file: CSV, as it is or packed by gzip, zstd, bzip2, xz or zip.")
    dataset: str = Field("data", description="The dataset that gets the rows; a new name makes a new one.")
