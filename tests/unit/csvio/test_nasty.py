"""Each CSV in nasty/ with what must come of it: NAME.csv and, beside it, NAME.json.

`asked` in the JSON is what the request says of the file. A cell `{"times": 1000, "of": "x"}` is a text of so many x.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.unit.csvio.reading import read_all
from tests.unit.csvio.rows import each_encoder, spelling
from waystation.csvio.encoded import ColumnPlan, Encode
from waystation.csvio.formats import ValueFormat
from waystation.csvio.infer import infer
from waystation.csvio.packing import Limits
from waystation.csvio.sniff import sniff
from waystation.csvio.spool import Unpacking, survey
from waystation.errors import WaystationError

FOLDER = Path(__file__).parent / "nasty"
NOTHING: Mapping[str, Any] = {}


def unpacked(source: BinaryIO, encoding: str | None) -> BinaryIO:
    """The file as plain UTF-8, as an import reads it."""
    found = survey(source, encoding=encoding)
    if found.direct:
        return source
    return io.BytesIO(b"".join(step.data for step in Unpacking(source, found, encoding, Limits(2**30, 10_000))))


def outcome(data: bytes, target: int, encode: Encode, asked: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
    """What an import would make of a file, as JSON can hold it."""
    written = {name: value for name, value in asked.items() if name not in ("encoding", "ragged")}
    try:
        source = unpacked(io.BytesIO(data), asked.get("encoding"))
        sniffed = sniff(source, **written)
    except WaystationError as error:
        return {"error": error.code, "detail": error.detail}
    form = ValueFormat(guarded=asked.get("guarded", False))
    ragged = asked.get("ragged", "trim" if sniffed.trailing else "reject")
    columns = infer(source, sniffed, ragged=ragged)
    source.seek(0)
    found = read_all(
        source.read(),
        sniffed.dialect,
        [ColumnPlan(c.position, c.name, c.type, form) for c in columns],
        width=len(sniffed.header),
        target=target,
        start=sniffed.data_offset,
        line=sniffed.data_line,
        encode=encode,
        ragged=ragged,
    )
    return {
        "columns": {c.name: c.type for c in columns},
        "rows": [row[1:] for row in found.rows],
        "rejects": [[r.line, r.record, r.error] for r in found.rejects],
        "lines": found.lines,
    }


def spelt(cell: Any, kind: str) -> str | None:
    """A cell of the JSON in the one spelling of its value."""
    if isinstance(cell, dict):
        return str(cell["of"]) * int(cell["times"])
    return cell and spelling(cell, kind)


@each_encoder
@pytest.mark.parametrize("target", [1, 7, 2**20])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_nasty(path: Path, target: int, encode: Encode) -> None:
    wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    asked = wanted.pop("asked", {})
    kinds = ["bigint", *wanted.get("columns", {}).values()]
    for row in wanted.get("rows", []):
        row[:] = [spelt(cell, kind) for cell, kind in zip(row, kinds, strict=True)]
    assert outcome(path.read_bytes(), target, encode, asked) == wanted


def test_there_are_nasty_files() -> None:
    assert len(list(FOLDER.glob("*.csv"))) == len(list(FOLDER.glob("*.json"))) > 45
