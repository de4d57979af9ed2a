"""Field by field, what is read is what the standard csv module reads, however a file is written and wherever it is cut."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.csvio.dialects import dialects
from tests.unit.csvio.examples import ran, some
from tests.unit.csvio.reading import read_all, texts
from tests.unit.csvio.rows import each_encoder
from waystation.csvio.dialect import Dialect
from waystation.csvio.encoded import Encode
from waystation.csvio.reading import Ragged, fits, fitted
from waystation.csvio.rejects import storable_fields

WIDTH = 3
pieces = [
    "a",
    "é€",
    " ",
    ",",
    ",",
    ";",
    "\t",
    '"',
    '"',
    '""',
    "'",
    "''",
    "\\",
    "^",
    "\n",
    "\n",
    "\r",
    "\r\n",
    "\0",
    "1",
    "x" * 30,
]
loose = st.lists(st.sampled_from(pieces), max_size=40).map("".join)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, Dialect]:
    """A text, and a way to read it: some written by the csv module itself, some spoilt, some anyhow."""
    dialect = draw(dialects(",;\t"))
    if draw(st.booleans()):
        return draw(loose), dialect
    cells = st.lists(st.sampled_from(pieces), max_size=4).map("".join)
    rows = draw(st.lists(st.lists(cells, min_size=WIDTH, max_size=WIDTH), max_size=8))
    out = io.StringIO(newline="")
    form = dialect.format
    if dialect.quote is not None and draw(st.booleans()):
        form["quoting"] = csv.QUOTE_ALL
    writer = csv.writer(out, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])), **form)
    for row in rows:
        try:
            writer.writerow(row)
        except csv.Error:  # without quotes and escapes not everything can be written
            continue
    text = out.getvalue()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(pieces)) + text[at + draw(st.integers(0, 2)) :]
    return text, dialect


def as_the_module_reads(text: str, dialect: Dialect) -> list[tuple[int, list[str]]]:
    """(line, fields) of each record that is no blank line."""
    reader, line, found = csv.reader(io.StringIO(text, newline=""), **dialect.format), 1, []
    for fields in reader:
        if fields:
            found.append((line, fields))
        line = 1 + reader.line_num
    return found


@each_encoder
@some(250)
@given(file=files(), target=st.integers(1, 60), ragged=st.sampled_from(["reject", "trim", "fill"]))
@example(file=("a\\\n,b,c", Dialect(escape="\\")), target=1, ragged="reject")
@example(file=('"a"",","b",c\n', Dialect(escape="\\", doublequote=False)), target=1, ragged="reject")
@example(file=('""\\\n,b,c', Dialect(escape="\\")), target=1, ragged="reject")
@example(file=("a^\r\nb,^", Dialect(quote=None, escape="^")), target=2, ragged="fill")
def test_fields_are_those_of_the_csv_module(encode: Encode, file: tuple[str, Dialect], target: int, ragged: Ragged) -> None:
    text, dialect = file
    ran("fields against the csv module's")
    found = read_all(text.encode(), dialect, texts(WIDTH), width=WIDTH, target=target, encode=encode, ragged=ragged)
    rows = {int(row[1] or 0): row[2:] for row in found.rows}
    rejects = {reject.record: reject for reject in found.rejects}
    expected = as_the_module_reads(text, dialect)
    assert sorted([*rows, *rejects]) == list(range(1, len(expected) + 1))
    assert found.lines == sum(1 for _ in io.StringIO(text, newline=""))
    for number, (line, fields) in enumerate(expected, 1):
        assert (number in rows) <= fits(fields, WIDTH, ragged)
        if number in rows:
            assert rows[number] == [cell or None for cell in fitted(fields, WIDTH)]
        else:
            reject = rejects[number]
            assert (reject.line, reject.fields) == (line, storable_fields(fields))
            odd = "\0" in "".join(fields) or len(fields) != WIDTH
            assert odd or "quote" in reject.reason or "escape" in reject.reason
