"""Numbers in the cells of a CSV: whole, decimal and with exponents, with points or commas and thousands parted or not."""

from __future__ import annotations

import re

from waystation.csvio.formats import PLAIN, SEPARATORS, ValueFormat
from waystation.csvio.words import quoted

INTEGER = (-(2**31), 2**31 - 1)
BIGINT = (-(2**63), 2**63 - 1)
NUMERIC_WHOLE, NUMERIC_FRACTION = 131_072, 16_383  # digits before and after the point that PostgreSQL keeps

_whole = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_decimal = re.compile(r"-?(?:(0|[1-9][0-9]*)(?:\.([0-9]+))?|\.([0-9]+))").fullmatch
_float = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?").fullmatch
_float_word = re.compile(r"nan|[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII).fullmatch  # else ı is an i
_padded = re.compile(r"[+-]?[0-9][0-9.]*|\+\.[0-9]+").fullmatch  # a number but for leading zeros or a plus
_grouped = {
    mark: re.compile(f"[+-]?[0-9]{{1,3}}(?:[{signs}][0-9]{{3}})+").fullmatch for mark, signs in SEPARATORS.items() if mark
}
_marks = {mark: re.compile(f"[{signs}]") for mark, signs in SEPARATORS.items() if mark}


def _no_number(value: str, text: str, what: str) -> ValueError:
    """What is wrong with `value`, which reads as `text` with a point and without separators."""
    if value != value.strip() and _padded(value.strip()):
        return ValueError(f"{quoted(value)} is not {what}: it has blanks around it")
    if _padded(text) and text.count(".") < 2 and not text.endswith("."):
        if text.startswith("+"):
            return ValueError(f"{quoted(value)} is not {what}: its plus sign would be lost")
        if re.match(r"-?0[0-9]", text):
            return ValueError(f"{quoted(value)} is not {what}: its leading zeros would be lost")
    return ValueError(f"{quoted(value)} is not {what}")


def _plainly(value: str, form: ValueFormat, what: str) -> str:
    """The number with a point and without separators; as it is where it can't be one anyway."""
    whole, sign, fraction = value.partition(form.decimal)
    if form.thousands:
        mark = _marks[form.thousands]
        if mark.search(whole) and value == value.strip():
            if not _grouped[form.thousands](whole):
                raise ValueError(f"{quoted(value)} is not {what}: its separators of thousands are out of place")
            whole = mark.sub("", whole)
    if form.decimal != "." and "." in whole + fraction:
        raise ValueError(f"{quoted(value)} is not {what}: the decimal sign is {form.decimal}")
    return whole + sign.replace(form.decimal, ".") + fraction


def _parse_whole(value: str, form: ValueFormat, least: int, greatest: int) -> str:
    text = value if form.plain_numbers else _plainly(value, form, "a whole number")
    if not _whole(text):
        raise _no_number(value, text, "a whole number")
    # The length comes first: int() of very many digits is slow, and refused by Python itself.
    if len(text) > 9 and (len(text) > 20 or not least <= int(text) <= greatest):
        raise ValueError(f"{quoted(value)} is out of range: whole numbers go from {least} to {greatest}")
    return text


def parse_integer(value: str, form: ValueFormat = PLAIN) -> str:
    """A whole number of 32 bits, in ASCII digits, without leading zeros."""
    return _parse_whole(value, form, *INTEGER)


def parse_bigint(value: str, form: ValueFormat = PLAIN) -> str:
    """A whole number of 64 bits, in ASCII digits, without leading zeros."""
    return _parse_whole(value, form, *BIGINT)


def parse_numeric(value: str, form: ValueFormat = PLAIN) -> str:
    """A decimal number; all its digits are kept."""
    text = value if form.plain_numbers else _plainly(value, form, "a decimal number")
    match = _decimal(text)
    if not match:
        raise _no_number(value, text, "a decimal number")
    whole, fraction = match[1] or "", match[2] or match[3] or ""
    if len(whole) > NUMERIC_WHOLE or len(fraction) > NUMERIC_FRACTION:
        raise ValueError(f"{quoted(value)} has too many digits: {len(whole)} before the point, {len(fraction)} after it")
    return text


def parse_double(value: str, form: ValueFormat = PLAIN) -> str:
    """A number of about 15 digits, with or without an exponent; also inf, -inf and nan. Digits beyond that are rounded."""
    text = value if form.plain_numbers else _plainly(value, form, "a number")
    if _float_word(text):
        return text
    if not _float(text):
        raise _no_number(value, text, "a number")
    made = float(text)
    if made in (float("inf"), float("-inf")):
        raise ValueError(f"{quoted(value)} is too large for a double")
    if made == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise ValueError(f"{quoted(value)} is too small for a double")
    return text
