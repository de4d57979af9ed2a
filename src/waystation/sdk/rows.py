"""The records of an uploaded CSV, one by one, each with the exact place after it: a resume is a seek."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from waystation.csvio.chunks import read_chunk
from waystation.csvio.reading import Wrong, read
from waystation.csvio.records import scan
from waystation.csvio.sniff import sniff
from waystation.errors import BadRow, WrongKind
from waystation.model import JsonValue

BLOCK = 256 * 1024  # bytes read at once

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a kind stands in what it goes through: the cursor to go on from, and how far that is of how much."""

    cursor: JsonValue
    done: int
    total: int | None = None


class Row(dict[str, str]):
    """One record by the names of its columns; an empty field is "".

    `number` counts the records of the file from 1, `line` is where it begins in the file.
    """

    def __init__(self, fields: Iterable[tuple[str, str]], number: int, line: int) -> None:
        super().__init__(fields)
        self.number, self.line = number, line


def rows_of(
    source: BinaryIO,
    size: int,
    cursor: JsonValue = None,
    *,
    delimiter: str | None = None,
    skipped: Callable[[BadRow, int], None] | None = None,
) -> Iterator[tuple[Row, Place]]:
    """The records after `cursor` (None: all), each with the place after it.

    A place's total is exact once the end of the file is in sight, and before it reckoned from the bytes still to come.
    A record that is wrong (its quotes, its bytes, its number of fields) raises BadRow, or is handed to `skipped`, with the
    number of such records so far, and left out.
    Raises what `sniff` finds wrong with the file as a whole.
    """
    sniffed = sniff(source, delimiter=delimiter)
    dialect, width = sniffed.dialect, len(sniffed.header)
    columns = [(at, name) for at, name in enumerate(sniffed.names) if at not in sniffed.dropped]
    byte, line, number, left_out = _begin(cursor, sniffed.data_offset, sniffed.data_line)
    while chunk := read_chunk(source, byte, dialect, target_bytes=BLOCK, line=line):
        records = read(chunk.data, dialect, width=width, first_line=line)
        # The same records again, for where each ends; blank lines are none.
        ends = [(chunk.start + r.end, line + r.lines) for r in scan(chunk.data, dialect, eof=True) if r.fields]
        total = number + len(ends) + round((size - chunk.end) * len(ends) / len(chunk.data))
        for at, (fields, start, (end, next_line)) in enumerate(zip(records.fields, records.starts, ends, strict=True)):
            number += 1
            if wrong := records.wrong.get(at):
                bad = _bad(start, wrong, sniffed.names)
                if skipped is None:
                    raise bad
                left_out += 1
                skipped(bad, left_out)
                continue
            here = {"byte": end, "line": next_line, "row": number, "skipped": left_out}
            yield Row(((name, fields[column]) for column, name in columns), number, start), Place(here, number, total)
        byte, line = chunk.end, line + records.lines


def _begin(cursor: JsonValue, byte: int, line: int) -> tuple[int, int, int, int]:
    if cursor is None:
        return byte, line, 0, 0
    try:
        return int(cursor["byte"]), int(cursor["line"]), int(cursor["row"]), int(cursor["skipped"])
    except (TypeError, KeyError, ValueError) as error:
        raise WrongKind(
            f"ctx.rows can't go on from the cursor {cursor!r}: it is none that ctx.rows gave.",
            remedy="Write it as: def NAME(ctx: Context, params: Params, cursor: Any = None) -> Steps: …"
            " for row in ctx.rows(params.upload, cursor): … yield ctx.checkpoint()",
        ) from error


def _bad(line: int, wrong: Wrong, names: Sequence[str]) -> BadRow:
    where = f"line {line}" if wrong.position is None else f"line {line}, column {names[wrong.position]!r}"
    return BadRow(f"{where[0].upper()}{where[1:]}: {wrong.reason}.", line=line)


def items_of(items: Iterable[T], cursor: JsonValue = None) -> Iterator[tuple[T, Place]]:
    """The items after the first `cursor` ones (None: all), each with the place after it."""
    if cursor is not None and (not isinstance(cursor, int) or isinstance(cursor, bool) or cursor < 0):
        raise WrongKind(
            f"ctx.each can't go on from the cursor {cursor!r}: it is none that ctx.each gave.",
            remedy="Write it as: def NAME(ctx: Context, params: Params, cursor: int = 0) -> Steps: …"
            " for item in ctx.each(items, cursor): … yield ctx.checkpoint()",
        )
    begin: int = cursor or 0
    total = len(items) if isinstance(items, Sized) else None
    rest: Iterator[Any] = (
        (items[at] for at in range(begin, len(items))) if isinstance(items, Sequence) else islice(items, begin, None)
    )
    for number, item in enumerate(rest, begin + 1):
        yield item, Place(number, number, total)
