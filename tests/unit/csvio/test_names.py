"""From header words to column names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystation.csvio.names import LONGEST, SYSTEM, safe_names


@pytest.mark.parametrize(
    ("header", "names", "renamed"),
    [
        (["Name", "E-Mail address", "größe"], ["Name", "E-Mail address", "größe"], {}),
        ([" age "], ["age"], {" age ": "age"}),
        (["a", "", "  "], ["a", "column_2", "column_3"], {"(column 2)": "column_2", "(column 3)": "column_3"}),
        (["a", "a", "a"], ["a", "a_2", "a_3"], {"a (column 2)": "a_2", "a (column 3)": "a_3"}),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"], {"a (column 2)": "a_3"}),
        (["_batch", "__x", "_"], ["batch", "x", "column_3"], {"_batch": "batch", "__x": "x", "_": "column_3"}),
        (["ctid", "xmin", "oid"], ["ctid_column", "xmin_column", "oid"], {"ctid": "ctid_column", "xmin": "xmin_column"}),
        (["a\tb\nc", "x\x00y"], ["a b c", "x y"], {"a\tb\nc": "a b c", "x\x00y": "x y"}),
        (["é" * 40], ["é" * 29], {"é" * 40: "é" * 29}),
        (['say "hi"; DROP TABLE x', "%s"], ['say "hi"; DROP TABLE x', "%s"], {}),
    ],
)
def test_names(header: list[str], names: list[str], renamed: dict[str, str]) -> None:
    assert safe_names(header) == (tuple(names), renamed)


words = st.one_of(st.text(max_size=70), st.sampled_from(["a", "a_2", "_a", "a ", "", "ctid", "ctid_column", "x" * 80]))


@settings(max_examples=300, deadline=None)
@given(st.lists(words.filter(lambda w: not any("\ud800" <= c <= "\udfff" for c in w)), min_size=1, max_size=12))
def test_names_are_always_fit_and_unique(header: list[str]) -> None:
    names, renamed = safe_names(header)
    assert len(names) == len(header) == len(set(names))
    for name in names:
        assert 0 < len(name.encode()) <= LONGEST
        assert not name.startswith("_")
        assert "\0" not in name
        assert name not in SYSTEM
    assert len(renamed) == sum(name != word for name, word in zip(names, header, strict=True))
