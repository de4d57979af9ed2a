"""Types are guessed from samples, and a wrong guess never rejects most rows."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from waystation.csvio.dialect import Dialect
from waystation.csvio.formats import ValueFormat
from waystation.csvio.infer import SAMPLE_LINES, Inferred, aligned, infer
from waystation.csvio.sniff import sniff


def guess(data: bytes, **how: Any) -> tuple[Inferred, ...]:
    source = io.BytesIO(data)
    return infer(source, sniff(source), **how)


def column(*values: str, **how: Any) -> Inferred:
    return guess(("x,y\n" + "".join(f'"{value.replace(chr(34), chr(34) * 2)}",\n' for value in values)).encode(), **how)[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "", "0"], "bigint"),
        (["0", "1", "1"], "bigint"),
        (["1", "9223372036854775808"], "numeric"),
        (["1.50", "2"], "numeric"),
        (["1e5", "2.5"], "double"),
        (["1", "nan", "inf"], "text"),
        (["true", "FALSE"], "boolean"),
        (["yes", "no"], "text"),
        (["t", "f"], "text"),
        (["2020-01-01", "2020-02-29"], "date"),
        (["2020-01-01 10:00:00", "2020-02-29T10:00"], "timestamp"),
        (["2020-01-01", "2020-02-29 10:00"], "timestamp"),
        (["2020-01-01T10:00:00Z"], "text"),
        (["01/02/2020"], "text"),
        (["10:20", "23:59:59.5"], "time"),
        (["36:10"], "text"),
        (["6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"], "uuid"),
        (["6f9619ff8b86d011b42d00cf4fc964ff"], "text"),
        (['{"a": [1]}', "[]"], "json"),
        (['"a"', "null"], "text"),
        (["[note]", "{x}"], "text"),
        (["007", "12"], "text"),
        (["+49 30 1234", "1234"], "text"),
        (["+4930", "1234"], "text"),
        (["0049", "1234"], "text"),
        (["", ""], "text"),
        (["a", "1"], "text"),
        ([" 1", "2"], "text"),
    ],
)
def test_a_type_that_keeps_every_value(values: list[str], kind: str) -> None:
    found = column(*values)
    assert found.type == kind
    assert found.why


@pytest.mark.parametrize(
    ("values", "how", "kind", "dates", "words"),
    [
        (["01/02/2020", "31/12/2020"], {}, "date", "dmy", "'31/12/2020' shows that the day comes first"),
        (["01.02.2020", "31.12.2020 10:00"], {}, "timestamp", "dmy", "the day comes first"),
        (["01-02-2020", "12-31-2020"], {}, "date", "mdy", "the month comes first"),
        (["01/02/2020", "12/11/2020"], {}, "text", "ymd", "no value settles it: say which (`dates`)"),
        (["13/02/2020", "02/13/2020"], {}, "text", "ymd", "in no one order"),
        (["01/02/2020", "12/11/2020"], {"dates": "mdy"}, "date", "mdy", "dates"),
        (["01/02/2020", "2020-12-31"], {"dates": "dmy"}, "date", "dmy", "dates"),
        (["13/02/2020"] * 99 + ["soon"], {}, "date", "dmy", "'soon' is not"),
        (["1,234", "56"], {}, "text", "ymd", ""),
        (["1,234", "56"], {"form": ValueFormat(thousands=",")}, "bigint", "ymd", ""),
        (["1\u202f234,5", "56"], {"form": ValueFormat(thousands=" ", decimal=",")}, "numeric", "ymd", ""),
        (["030 123 456", "555 123 456"], {"form": ValueFormat(thousands=" ")}, "text", "ymd", "a number would change"),
        (["1", "NA", "–"], {"form": ValueFormat(nulls=("NA", "–"))}, "bigint", "ymd", "all 1 sampled"),
        (["NA"], {"form": ValueFormat(nulls=("NA",))}, "text", "ymd", "no value"),
    ],
)
def test_how_values_are_written(values: list[str], how: dict[str, Any], kind: str, dates: str, words: str) -> None:
    found = column(*values, **how)
    assert (found.type, found.dates) == (kind, dates)
    assert words in found.why


def test_records_with_trailing_delimiters_or_short_ones_are_samples_too() -> None:
    assert [f.type for f in guess(b"a,b,\n1,x,\n2,y,\n")] == ["bigint", "text"]
    rows = "".join(f"{n},2020-01-01,\n" for n in range(150_000)) + "".join(f"x{n},,\n" for n in range(150_000))
    assert [f.type for f in guess(b"id,day,\n" + rows.encode())] == ["text", "date"]
    assert [f.type for f in guess(b"a,b\n1\n2,2020-01-01\n", ragged="fill")] == ["bigint", "date"]


def test_a_few_bad_values_become_rejects_and_many_make_it_text() -> None:
    few = column(*["12"] * 99, "abc")
    assert (few.type, few.why) == ("bigint", "99 of 100 sampled values are whole numbers; 'abc' is not")
    assert column(*["12"] * 90, *["abc"] * 10).type == "text"
    assert column(*["12"] * 97, *["1.5"] * 2, "abc").type == "numeric"


def test_a_code_with_leading_zeros_keeps_a_column_text_however_rare() -> None:
    found = column(*["12345"] * 999, "01234")
    assert (found.type, found.why) == ("text", "a number would change values such as '01234'")


def test_samples_reach_the_end_of_a_large_file() -> None:
    rows = "".join(f"{n},2020-01-01,\n" for n in range(150_000)) + "".join(f"x{n},,\n" for n in range(150_000))
    found = guess(b"id,day,none\n" + rows.encode())
    assert [f.type for f in found] == ["text", "date", "text"]
    assert found[2].why == "no value in the samples"


def test_a_large_file_is_not_read_whole() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    source = Counting(b"id,word\n" + b"".join(b"%d,some words of some length\n" % n for n in range(1_000_000)))
    found = infer(source, sniff(source))
    assert [f.type for f in found] == ["bigint", "text"]
    assert source.taken < 4_000_000


def test_quoted_line_breaks_everywhere_do_not_mislead() -> None:
    draw = random.Random(5)
    notes = ['"a, b\n1,2020-01-01,c\n2,2020-01-02,d"', '"say ""1,2""\n"', "plain", '"\n\n"', '""']
    rows = "".join(f"{n},2020-01-01,{draw.choice(notes)}\n" for n in range(120_000))
    found = guess(b"id,day,note\n" + rows.encode())
    assert [f.type for f in found] == ["bigint", "date", "text"]


def test_dropped_columns_are_left_out_and_positions_are_those_of_the_file() -> None:
    found = guess(b"_line,a,_error,b\n1,2,x,2020-01-01\n")
    assert [(f.name, f.position, f.type) for f in found] == [("a", 1, "bigint"), ("b", 3, "date")]


def test_a_sample_within_csv_within_csv_is_not_taken_for_rows() -> None:
    # Only the quote that ends the field tells that the first fifty are within it.
    inner = b"".join(b"1,2\n" for _ in range(50))
    found = aligned(inner + b'x"\n' + b'7,"z"\n' * 20, Dialect(), 2)
    assert found == [["7", "z"]] * 19


def test_a_sample_from_anywhere_gives_records_of_the_file() -> None:
    draw = random.Random(7)
    cells = ["a", '"b, c"', '"d\ne"', '"f ""g"" h"', "", '""']
    text = "".join(",".join(draw.choice(cells) for _ in range(4)) + "\n" for _ in range(400)).encode()
    whole = set(map(tuple, aligned(b"\n" + text, Dialect(), 4)))
    tried = [aligned(text[at:], Dialect(), 4) for at in range(0, 4000, 7)]
    assert sum(bool(found) for found in tried) > len(tried) // 2
    for found in tried:
        assert set(map(tuple, found)) <= whole


def test_a_long_record_at_the_beginning_does_not_make_the_samples_of_short_ones_long() -> None:
    data = b"a,b\n1," + b"2" * 200_000 + b"\n" + b"4,5\n" * 2_000_000
    source = io.BytesIO(data)
    columns = infer(source, sniff(source))
    assert columns[0].type == "bigint"
    counted = int(columns[0].why.split()[1].replace(",", ""))
    assert counted <= 50 * SAMPLE_LINES, columns[0].why
