"""What _encode.c offers."""

TYPES: frozenset[str]

def encode(
    chunk: bytes,
    delimiter: int,
    quote: int,
    width: int,
    plans: list[tuple[int, str]],
    batch: int,
    first_record: int,
    /,
) -> tuple[bytes, int, int, int, list[tuple[int, int] | None], tuple[bytes, list[tuple[int, int]]]]:
    """Rows, good, records, lines, [keys of the least and the greatest], (bad records, [(record, line) from 0])."""
