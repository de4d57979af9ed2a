"""Values as they are mostly written, in loops of numpy: which cells hold one, and the numbers that stand for them.

Each of these says yes only where the parser of the plain encoder does, and never wrongly no to more than a few: the cells that
are left over are given to that parser, each distinct one once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from waystation.csvio.arrow.cells import Bools, Bytes, Cells, Ints, binary
from waystation.csvio.formats import DateOrder

POWERS = 10 ** np.arange(19, dtype=np.int64)
_MINUS, _POINT, _ZERO, _NINE = b"-.09"
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_BEFORE = np.cumsum(_DAYS)  # days of a year up to the end of a month
_LEAP = _DAYS + (np.arange(13) == 2)
_DAY = 86_400_000_000  # microseconds
_HEX = np.full(256, 255, np.uint8)
_HEX[list(b"0123456789abcdef")] = _HEX[list(b"0123456789ABCDEF")] = np.arange(16)
_UUID = [at for at in range(36) if at not in (8, 13, 18, 23)]


def digits(cells: Cells, most: int) -> tuple[Bools, Ints]:
    """Runs of one digit to `most` (18 at the most), and their numbers."""
    width = max(1, min(int(cells.length.max(initial=0)), most))
    found, worst = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.uint8)
    for left, column in zip(range(width, 0, -1), cells.right(width), strict=True):
        digit = (column - np.uint8(_ZERO)) * (cells.length >= left)  # of what is no digit more than nine
        np.maximum(worst, digit, out=worst)
        found = found * 10 + digit if left < width else digit.astype(np.int64)
    return (cells.length > 0) & (cells.length <= width) & (worst <= 9), found


def _signed(cells: Cells) -> tuple[Bools, Cells]:
    minus = (cells.first() == _MINUS) & (cells.length > 0)
    return minus, Cells(cells.data, cells.start + minus, cells.length - minus)


def whole(cells: Cells) -> tuple[Bools, Ints]:
    """Whole numbers of up to 18 digits."""
    minus, body = _signed(cells)
    fits, found = digits(body, 18)
    fits &= (body.first() != _ZERO) | (body.length == 1)
    return fits, np.where(minus, -found, found)


def decimal(cells: Cells) -> tuple[Bools, Bools, Ints, Ints, Ints]:
    """Numbers of up to 16 digits before and after the point: if it is one, if negative, those digits, how many after it."""
    minus, body = _signed(cells)
    width = max(1, min(int(body.length.max(initial=0)), 33))
    point = body.length
    for left, column in zip(range(1, width + 1), body.right(width)[::-1], strict=True):  # the last one looked at is the first
        point = np.where((column == _POINT) & (body.length >= left), body.length - left, point)
    parted = point < body.length
    wholes = Cells(body.data, body.start, point)
    scale = np.where(parted, body.length - point - 1, 0)
    fits, before = digits(wholes, 16)
    fits &= (body.first() != _ZERO) | (point == 1)
    fits |= (point == 0) & parted
    before[point == 0] = 0
    after = np.zeros(len(cells), np.int64)
    if parted.any():
        right, after[parted] = digits(Cells(body.data, body.start + point + 1, scale).some(parted), 16)
        fits[parted] &= right
    return fits, minus, before, after, scale


def date(cells: Cells, order: DateOrder) -> tuple[Bools, Ints]:
    """Days written with ten characters, from 2000-01-01 on."""
    text = cells.left(10)
    fits, year, month, day = _ymd(text, cells.length == 10, 0, 5, 8, text[4] == _MINUS, text[7] == _MINUS)
    if order != "ymd":
        parted = (text[2] == ord("/")) | (text[2] == ord(".")) | (text[2] == _MINUS)
        at = (3, 0) if order == "dmy" else (0, 3)
        turned, *other = _ymd(text, cells.length == 10, 6, *at, parted, text[5] == text[2])
        fits |= turned
        year, month, day = (np.where(turned, new, old) for new, old in zip(other, (year, month, day), strict=True))
    month[~fits] = 1
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    fits &= (year > 0) & (day > 0) & (day <= np.where(leap, _LEAP[month], _DAYS[month]))
    past = year - 1
    found = past * 365 + past // 4 - past // 100 + past // 400 + _BEFORE[month - 1] + (leap & (month > 2)) + day
    return fits, found - 730_120


def _ymd(
    text: Bytes, fits: Bools, year: int, month: int, day: int, first: Bools, second: Bools
) -> tuple[Bools, Ints, Ints, Ints]:
    """Year, month and day from the columns where they begin, and where the month is one."""
    years, right = _number(text, year, 4)
    months, also = _number(text, month, 2)
    days, too = _number(text, day, 2)
    return fits & first & second & right & also & too & (months > 0) & (months < 13), years, months, days


def _number(text: Bytes, at: int, count: int) -> tuple[Ints, Bools]:
    """The number in some columns, and whether these are digits."""
    found, worst = np.zeros(text.shape[1], np.int64), np.zeros(text.shape[1], np.uint8)
    for column in text[at : at + count] - np.uint8(_ZERO):
        np.maximum(worst, column, out=worst)
        found = found * 10 + column
    return found, worst <= 9


def clock(cells: Cells) -> tuple[Bools, Ints, Ints]:
    """Times up to 23:59:59.999999: whether it is one, its microseconds, and how many digits a second has."""
    text, length = cells.left(15), cells.length
    hour, fits = _number(text, 0, 2)
    minute, right = _number(text, 3, 2)
    second, exact = _number(text, 6, 2)
    seconds, places = length > 5, np.clip(length - 9, 0, 6)
    fits &= right & (text[2] == ord(":")) & (hour < 24) & (minute < 60) & (length <= 15)
    fits &= (length == 5) | (exact & (text[5] == ord(":")) & (second < 60) & ((length == 8) | (length > 9)))
    micros = (hour * 60 + minute) * 60_000_000 + np.where(seconds, second, 0) * 1_000_000
    fine = length > 9
    if fine.any():
        fits[fine] &= text[8, fine] == _POINT
        some = cells.some(fine)
        right, parts = digits(Cells(some.data, some.start + 9, places[fine]), 6)
        fits[fine] &= right
        micros[fine] += parts * POWERS[6 - places[fine]]
    return fits, micros, places


def timestamp(cells: Cells, order: DateOrder) -> tuple[Bools, Ints]:
    """Days with or without a time, as keys: microseconds from 2000-01-01 on x 8, and how many digits a second has."""
    day = Cells(cells.data, cells.start, np.minimum(cells.length, 10))
    fits, days = date(day, order)
    found = days * _DAY * 8
    more = cells.length > 10
    if more.any():
        some = cells.some(more)
        mark = some.data[some.start + 10]
        right, micros, places = clock(Cells(some.data, some.start + 11, some.length - 11))
        fits[more] &= right & ((mark == ord(" ")) | (mark == ord("T")))
        found[more] += micros * 8 + places
    return fits, found


def uuid(cells: Cells) -> tuple[Bools, Bytes]:
    """UUIDs in groups of 8-4-4-4-12 digits: sixteen bytes of each."""
    text = cells.left(36)
    found = _HEX[text[_UUID]]
    fits = (cells.length == 36) & (text[[8, 13, 18, 23]] == _MINUS).all(axis=0) & (found <= 15).all(axis=0)
    return fits, np.ascontiguousarray((found[::2] << 4 | found[1::2]).T)


def numeric(cells: Cells) -> tuple[Bools, pa.BinaryArray]:
    """COPY's binary numerics: groups of four digits from the point on both ways, without those at the ends that are zero."""
    fits, minus, before, after, scale = decimal(cells)
    scale[~fits] = before[~fits] = after[~fits] = 0
    wholes = max(1, -(-len(str(before.max(initial=0))) // 4))  # groups before the point that any of them has, and behind it
    count = wholes - (-int(scale.max(initial=0)) // 4)
    parts = np.empty((len(cells), count), np.int64)
    for rest, low, high in ((before, 0, wholes), (after * POWERS[4 * (count - wholes) - scale], wholes, count)):
        for at in range(high - 1, low - 1, -1):
            rest, parts[:, at] = np.divmod(rest, 10_000)
    full = parts > 0
    some = np.logical_or.reduce(full, axis=1)
    first, last = full.argmax(axis=1), count - 1 - full[:, ::-1].argmax(axis=1)
    made = np.empty((len(cells), 4 + count), ">i2")
    made[:, 0] = np.where(some, last - first + 1, 0)
    made[:, 1] = np.where(some, wholes - 1 - first, 0)
    made[:, 2] = np.where(some & minus, 0x4000, 0)
    made[:, 3] = scale
    made[:, 4:] = parts
    group = np.arange(count)
    kept: Bools = np.ones((len(cells), 4 + count), np.bool_)
    kept[:, 4:] = some[:, None] & (group >= first[:, None]) & (group <= last[:, None])
    return fits, binary(made.view(np.uint16)[kept], np.append(0, np.cumsum(kept.sum(axis=1) * 2)))
