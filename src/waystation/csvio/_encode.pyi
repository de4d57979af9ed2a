"""What _encode.c offers."""

TYPES: tuple[str, ...]
PHRASES: tuple[str, ...]  # names of words.Phrase, in the order in which encode wants them

Marks = tuple[int, int, int, bool]  # delimiter, quote or -1, escape or -1, doublequote
Column = tuple[
    int,  # position, or -1 if the file does not have it
    str,  # type
    bytes,  # name, as text for COPY
    bytes,  # what its values are called, with an article
    bytes,  # how they are written, in words
    int,  # order of dates: 0 ymd, 1 dmy, 2 mdy
    bytes,  # decimal sign
    tuple[bytes, ...],  # what may part thousands
    tuple[bytes, ...],  # words that mean null
    bool,  # required
    bool,  # guarded
    tuple[tuple[bytes, bytes], ...],  # barred values, and why, as text for COPY
]

def encode(
    chunk: bytes,
    marks: Marks,
    width: int,
    ragged: int,  # 0 reject, 1 trim, 2 fill
    columns: tuple[Column, ...],
    batch: int,
    first_record: int,
    first_line: int,
    phrases: tuple[bytes, ...],
    months: tuple[bytes, ...],
    seed: int,
    /,
) -> tuple[bytes, bytes, int, int, int, list[tuple[int, int, int] | tuple[()]], tuple[bytes, list[tuple[int, int, int]]]]:
    """Rows, rejects, good, records, lines, zones (keys of the least and the greatest, rows with a value), and what is asked:
    the records, and of each (record, line, place)."""

def distinct(
    chunk: bytes, marks: Marks, width: int, ragged: int, columns: tuple[tuple[int, tuple[bytes, ...]], ...], seed: int, /
) -> list[list[bytes]]:
    """The values of some columns, given as (position, nulls), each once."""

def last_end(data: bytes, marks: Marks, /) -> int:
    """Where the last record ends that is complete; 0 if none is."""
