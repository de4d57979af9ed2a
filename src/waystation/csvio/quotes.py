"""Whether the quotes of a piece of CSV are all where they should be, found out at the speed of bytes.split.

Between quotes, text is outside and inside in turns as long as each quote that opens stands at the beginning of a field.
Where one does not (`5" pipe`), it is a plain character and the turns no longer tell: such data wants the slow way.
"""

from __future__ import annotations

from waystation.csvio.dialect import Dialect

MANY = 1_000_000  # quotes: beyond that, splitting at them would take too much memory


def split(data: bytes, dialect: Dialect) -> list[bytes] | None:
    """Cut `data`, which begins at a record, at its quotes: even pieces are outside quotes, odd ones inside.

    None if that does not hold because a quote stands in the middle of a field, or if there are too many quotes.
    """
    quote = dialect.quote.encode()
    if data.count(quote) > MANY:
        return None
    pieces = data.split(quote)
    # An empty piece is a doubled quote, or the beginning of the data: both fine. The last piece opens nothing.
    before = quote.join([*filter(None, pieces[:-1:2] if len(pieces) % 2 else pieces[::2]), b""])
    proper = sum(before.count(end + quote) for end in _ends(dialect))
    return pieces if proper == before.count(quote) else None


def closed(pieces: list[bytes], dialect: Dialect) -> bool:
    """Whether each quoted field ends where its quote closes, as in `"a",` and not as in `"a"b,`; also the last one."""
    if len(pieces) % 2 == 0:
        return False
    quote = dialect.quote.encode()
    # The very last piece may be empty because the data ends with a quote; as a doubled quote, that is fine.
    after = quote.join([b"", *filter(None, pieces[2::2])])
    return sum(after.count(quote + end) for end in _ends(dialect)) == after.count(quote)


def _ends(dialect: Dialect) -> tuple[bytes, bytes, bytes]:
    return dialect.delimiter.encode(), b"\n", b"\r"
