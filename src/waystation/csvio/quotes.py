"""Whether the quotes of a piece of CSV are all where they should be, found out at the speed of bytes.split.

Between quotes, text is outside and inside in turns as long as each quote that opens stands at the beginning of a field.
Where one does not (`5" pipe`), it is a plain character and the turns no longer tell: such data wants the slow way.
"""

from __future__ import annotations

from operator import itemgetter

from waystation.csvio.dialect import Dialect

_first_byte, _last_byte = itemgetter(slice(1)), itemgetter(slice(-1, None))
MANY = 1_000_000  # quotes: beyond that, splitting at them would take too much memory


def split(data: bytes, dialect: Dialect) -> list[bytes] | None:
    """Cut `data`, which begins at a record, at its quotes: even pieces are outside quotes, odd ones inside.

    None if that does not hold because a quote stands in the middle of a field, or if there are too many quotes. It takes no
    escapes.
    """
    if dialect.quote is None:
        return [data]
    quote = dialect.quote.encode()
    if data.count(quote) > MANY:
        return None
    pieces = data.split(quote)
    if not dialect.doublequote and b"" in pieces[2 : len(pieces) - 1 : 2]:
        return None
    # The last piece opens nothing. An empty one is a doubled quote, or the beginning of the data: both fine.
    return pieces if set(map(_last_byte, pieces[: len(pieces) - 1 : 2])) <= _borders(dialect) else None


def closed(pieces: list[bytes], dialect: Dialect) -> bool:
    """Whether each quoted field ends where its quote closes, as in `"a",` and not as in `"a"b,`; also the last one."""
    if len(pieces) % 2 == 0:
        return False
    return set(map(_first_byte, pieces[2::2])) <= _borders(dialect)


def _borders(dialect: Dialect) -> set[bytes]:
    return {b"", dialect.delimiter.encode(), b"\n", b"\r"}
