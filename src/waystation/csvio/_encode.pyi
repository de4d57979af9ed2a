"""What _encode.c offers."""

TYPES: frozenset[str]

Misfits = list[
    tuple[int, int, int, tuple[str, ...]]
]  # (record, line, index in the plans or -1 for a wrong number of fields, fields)

def encode(
    chunk: bytes,
    delimiter: int,
    quote: int,
    width: int,
    plans: list[tuple[int | None, str]],
    batch: int,
    first_record: int,
    /,
) -> tuple[bytes, int, int, int, list[tuple[int, int] | tuple[()]], tuple[Misfits, bytes, list[tuple[int, int]]]]:
    """Rows, good, records, lines, [keys of the least and the greatest], (misfits, other bad records, [(record, line)])."""
