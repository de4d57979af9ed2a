"""All the ways of writing a CSV that can be read, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from waystation.csvio.dialect import Dialect


@st.composite
def dialects(draw: st.DrawFn, delimiters: str = ",,;\t|e.- 5") -> Dialect:
    """Any that can be; half of the time without escapes."""
    delimiter = draw(st.sampled_from(delimiters))
    quote = draw(st.sampled_from(['"', '"', "'", None]))
    escape = draw(st.sampled_from([None, None, "\\", "^"]))
    return Dialect(delimiter=delimiter, quote=quote, escape=escape, doublequote=draw(st.booleans()) or escape is None)
