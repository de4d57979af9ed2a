"""Files that no COPY writes: Parquet and XLSX, made of rows that were written before, a batch at a time.

Both are streams that only grow: nothing that was written is ever changed, no more than a batch (Parquet: a row group) is held,
and the same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Literal, Protocol, Self, get_args

from waystation.errors import FormatUnavailable
from waystation.model import Column, JsonValue
from waystation.outputs.lines import batches
from waystation.outputs.xlsx import XlsxFile

Form = Literal["parquet", "xlsx"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: dict[str, str] = {
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Output(Protocol):
    """A file in the making. Left without `finish` it writes no more."""

    @property
    def measures(self) -> bool:
        """Whether it has to see all rows once before the first one is added."""

    def measure(self, lines: Sequence[bytes]) -> None:
        """See rows that will be added later."""

    def add(self, lines: Sequence[bytes]) -> None:
        """Write rows. Raises DoesNotFit when the form can't hold one of them."""

    def finish(self) -> dict[str, JsonValue]:
        """The end of the file; per column, what of it is written as text since its own type would not hold it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def output(form: Form, columns: Sequence[Column], write: Callable[[bytes], None], *, rows: int, size: int) -> Output:
    """A file of this form, whose bytes `write` takes. rows, size: how many rows come, and in how many bytes of lines.

    Raises FormatUnavailable.
    """
    if form == "xlsx":
        return XlsxFile(columns, write, rows=rows, size=size)
    check_available(form)
    from waystation.outputs.parquet import ParquetFile  # pyarrow is loaded where it is needed

    return ParquetFile(columns, write)


def check_available(form: Form) -> None:
    """Raises FormatUnavailable where what the form needs is not installed."""
    if form == "parquet" and find_spec("pyarrow") is None:
        raise FormatUnavailable


__all__ = ["FORMS", "MEDIA_TYPES", "Form", "Output", "batches", "check_available", "output"]
