"""Numbers with exponents or many digits, and those with commas for points or parted thousands: where Arrow helps the loops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from waystation.csvio.arrow.cells import Bools, Cells, cells_of, texts
from waystation.csvio.arrow.values import POWERS, decimal
from waystation.csvio.formats import SEPARATORS, ValueFormat

Doubles = npt.NDArray[np.float64]

LONGEST = 48  # bytes of a number that is looked at here
# No such number is too large or too small for a double.
_DOUBLE = r"\A-?(?:(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{0,25})?|\.[0-9]{1,25})(?:[eE][+-]?[0-9]{1,2})?\z"


def double(cells: Cells) -> tuple[Bools, Doubles]:
    """Numbers of up to 20 digits before the point and exponents of up to two, rounded as Python rounds them."""
    fits, minus, before, after, scale = decimal(cells)
    scale[~fits] = 0
    # Up to fifteen digits, and ten to that power, are doubles: one division rounds once.
    fits &= (scale <= 15) & (before < POWERS[15 - np.minimum(scale, 15)])
    made = (before * POWERS[np.minimum(scale, 15)] + after) / POWERS[scale].astype(np.float64)
    made[minus] *= -1
    left = np.flatnonzero(~fits & (cells.length > 0) & (cells.length <= LONGEST))
    if len(left):
        written = texts(cells.some(left))
        right = pc.match_substring_regex(written, _DOUBLE)
        which = left[_bools(right)]
        made[which] = pc.cast(written.filter(right), pa.float64()).to_numpy()
        fits[which] = True
    return fits, made


def plainly(cells: Cells, form: ValueFormat) -> Cells:
    """Numbers written in this format, with a point and without separators; in place of anything else an empty cell."""
    signs, point = SEPARATORS[form.thousands], "[.]" if form.decimal == "." else form.decimal
    parted = f"[1-9][0-9]{{0,2}}(?:[{signs}][0-9]{{3}})+|" if signs else ""
    short = cells.length <= LONGEST
    written = texts(Cells(cells.data, cells.start, np.where(short, cells.length, 0)))
    right = _bools(pc.match_substring_regex(written, rf"\A-?(?:{parted}0|[1-9][0-9]*)?(?:{point}[0-9]+)?\z"))
    for sign in signs:
        written = pc.replace_substring(written, sign, "")
    if form.decimal != ".":
        written = pc.replace_substring(written, form.decimal, ".")
    made = cells_of(written)
    return Cells(made.data, made.start, np.where(right, made.length, 0))


def _bools(made: pa.BooleanArray) -> Bools:
    found: Bools = made.to_numpy(zero_copy_only=False)
    return found
