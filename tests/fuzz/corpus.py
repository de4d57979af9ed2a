"""The seed corpora: what hours of fuzzing found that goes its own way through the code, and nothing twice.

corpus/NAME.json holds a target's inputs as texts of Latin-1, one character a byte, one input a line, the shortest first.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
CSV = sorted((Path(__file__).parents[1] / "unit" / "csvio" / "nasty").glob("*.csv"))
LONGEST = 2_000  # bytes of an input that is kept


def inputs(target: str) -> list[bytes]:
    """What is kept for a target."""
    path = FOLDER / f"{target}.json"
    return [text.encode("latin-1") for text in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def beginnings(target: str) -> list[bytes]:
    """What to begin with where nothing is kept yet: the nasty files, and filters that are right and wrong."""
    if target == "csv":
        files = [data for path in CSV if len(data := path.read_bytes()) < LONGEST]
        return [bytes([target, way]) + data for data in files for target, way in ((6, 0), (31, 3))]
    from tests.unit.test_filters import MISFITS, WRONG

    return [text.encode() for text in (*WRONG, *MISFITS, "a = 'x''y' or not n in (1, -2) and c_date < '2020-01-01'")]


def words(target: str) -> str:
    """A dictionary for the fuzzer: what a random change of bytes would hardly ever find."""
    if target == "csv":
        from tests.unit.csvio.twins import ELSEWHERE, HARD

        found = {cell.encode() for cells in (*HARD.values(), ELSEWHERE) for cell in cells if 1 < len(cell) <= 30}
    else:
        from tests.fuzz.targets import NAMES
        from waystation.filters import COMPARISONS, WORDS

        found = {word.encode() for word in (*NAMES, *COMPARISONS, *WORDS, "'2020-01-01'", "'10:20'", "''", '""', "-1.5e3")}
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in sorted(found))


def unpack(target: str, folder: Path) -> None:
    """The inputs as files, as a fuzzer wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in [*inputs(target), *beginnings(target)]:
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def keep(target: str, folder: Path) -> int:
    """Keep the files of a folder instead of what was kept; how many there are."""
    found = sorted((path.read_bytes() for path in folder.iterdir()), key=lambda data: (len(data), data))
    lines = ",\n".join(json.dumps(data.decode("latin-1"), ensure_ascii=True) for data in found if len(data) <= LONGEST)
    (FOLDER / f"{target}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return lines.count("\n") + 1
