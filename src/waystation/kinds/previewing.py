"""What an import would make of a file, before it runs: how the file is written, its columns, its first rows and rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from waystation.csvio.chunks import read_chunk
from waystation.csvio.encode import encode
from waystation.csvio.infer import infer
from waystation.csvio.records import scan
from waystation.csvio.rejects import Reject
from waystation.csvio.sniff import HEAD_BYTES, Sniffed, sniff
from waystation.csvio.spool import beginning, survey, told
from waystation.csvio.swapped import Swapped, swapped
from waystation.kinds.columns import doubts, plans_of, settle
from waystation.kinds.request import ImportParams
from waystation.model import Task, Upload
from waystation.sdk import Look

FIRST_ROWS = 20
SAMPLE = HEAD_BYTES // 2  # bytes that are checked, as the import itself would
SHOWN_REJECTS = 20
COMPARED = 500  # rows of the file that are held against the dataset


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column of the file: its header, what it becomes in the dataset, and why it has its type.

    `new`: the dataset has no such column yet (never so for a new dataset). `position` counts from 0 in the file.
    """

    header: str
    name: str
    type: str
    why: str
    new: bool
    position: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would make of an upload. `checked` rows at the file's beginning were checked as the import does."""

    upload: Upload
    source: dict[str, Any]
    delimiter: str
    quote: str | None
    columns: list[PreviewColumn]
    missing: list[str]
    rows: list[list[str]]
    checked: int
    rejected: int
    rejects: list[Reject]
    warnings: list[str]
    swapped: list[Swapped]
    whole: bool = False  # the whole file was checked, not its beginning alone
    renamed: dict[str, str] = field(default_factory=dict)
    duplicate: Task | None = None  # the import of the same file, if there is one already

    @property
    def mended(self) -> dict[str, str]:
        """`columns` of a request that takes the exchanged columns the other way round; empty if none look so."""
        if not self.swapped:
            return {}
        other = {s.first: s.second for s in self.swapped} | {s.second: s.first for s in self.swapped}
        return {c.header: other.get(c.name, c.name) for c in self.columns}


def preview(look: Look, params: ImportParams, known_rows: Mapping[str, Sequence[str]]) -> Preview:
    """Look at the file that `params` names. `known_rows`: some values of each column that the dataset has.

    Raises what the import's own check would raise.
    """
    upload, dataset = look.upload(params.upload), look.dataset(params.dataset)
    with look.open_upload(params.upload) as packed:
        found = survey(packed, encoding=params.encoding)
        source = packed if found.direct else beginning(packed, params.encoding)
        sniffed = sniff(source, **params.written)
        inferred = infer(source, sniffed, form=params.form, dates=params.dates, ragged=params.ragged)
        columns = settle(params, sniffed, inferred, dataset)
        begin = sniffed.data_offset
        chunk = read_chunk(source, begin, sniffed.dialect, target_bytes=SAMPLE, line=sniffed.data_line)
        size = source.seek(0, 2)
    data = chunk.data if chunk else b""
    records = _records(data, sniffed)
    made = encode(
        data,
        sniffed.dialect,
        plans_of(columns, params),
        width=len(sniffed.header),
        batch=0,
        first_record=1,
        first_line=sniffed.data_line,
        ragged="trim" if sniffed.trailing and params.ragged == "reject" else params.ragged,
    )
    own = [c.name for c in dataset.columns] if dataset else []
    shown = [
        PreviewColumn(
            header=sniffed.header[c["position"]],
            name=c["name"],
            type=c["type"],
            why=c["why"],
            new=bool(own) and c["name"] not in own,
            position=c["position"],
        )
        for c in columns
    ]
    values = {c.name: [row[c.position] for row in records if c.position < len(row)] for c in shown}
    return Preview(
        upload=upload,
        source=told(found),
        delimiter=sniffed.dialect.delimiter,
        quote=sniffed.dialect.quote,
        columns=shown,
        missing=[name for name in own if name not in values],
        rows=records[:FIRST_ROWS],
        checked=made.records,
        rejected=made.rows_bad,
        rejects=list(made.rejects[:SHOWN_REJECTS]),
        warnings=doubts(sniffed, columns, params),
        swapped=swapped(values, known_rows),
        whole=found.direct and begin + len(data) >= size,
        renamed=sniffed.renamed,
        duplicate=look.same_file(params.upload, params.dataset),
    )


def _records(data: bytes, sniffed: Sniffed) -> list[list[str]]:
    """The first records of the file, as text."""
    found = islice((r for r in scan(data, sniffed.dialect, eof=True) if r.fields), COMPARED)
    return [[cell.encode("latin-1").decode("utf-8", "replace") for cell in r.fields] for r in found]
