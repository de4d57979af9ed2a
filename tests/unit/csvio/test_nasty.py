"""Each CSV in nasty/ with what must come of it: NAME.csv and, beside it, NAME.json."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.csvio.reading import read_all
from tests.unit.csvio.rows import each_encoder, spelling
from waystation.csvio.encoded import ColumnPlan, Encode
from waystation.csvio.infer import infer
from waystation.csvio.sniff import sniff
from waystation.errors import WaystationError

FOLDER = Path(__file__).parent / "nasty"


def outcome(data: bytes, target: int, encode: Encode) -> dict[str, Any]:
    """What an import would make of a file, as JSON can hold it."""
    source = io.BytesIO(data)
    try:
        sniffed = sniff(source)
    except WaystationError as error:
        return {"error": error.code, "detail": error.detail}
    columns = infer(source, sniffed)
    found = read_all(
        data,
        sniffed.dialect,
        [ColumnPlan(c.position, c.name, c.type) for c in columns],
        width=len(sniffed.header),
        target=target,
        start=sniffed.data_offset,
        line=sniffed.data_line,
        encode=encode,
    )
    return {
        "columns": {c.name: c.type for c in columns},
        "rows": [row[1:] for row in found.rows],
        "rejects": [[r.line, r.record, r.error] for r in found.rejects],
        "lines": found.lines,
    }


@each_encoder
@pytest.mark.parametrize("target", [1, 7, 2**20])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_nasty(path: Path, target: int, encode: Encode) -> None:
    wanted = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    kinds = ["bigint", *wanted.get("columns", {}).values()]
    for row in wanted.get("rows", []):
        row[:] = [cell and spelling(cell, kind) for cell, kind in zip(row, kinds, strict=True)]
    assert outcome(path.read_bytes(), target, encode) == wanted


def test_there_are_nasty_files() -> None:
    assert len(list(FOLDER.glob("*.csv"))) == len(list(FOLDER.glob("*.json"))) > 20
