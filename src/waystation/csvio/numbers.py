"""Numbers in the cells of a CSV: whole, decimal and with exponents, with points or commas and thousands parted or not."""

from __future__ import annotations

import re

from waystation.csvio.formats import PLAIN, SEPARATORS, ValueFormat
from waystation.csvio.words import Phrase, misfit

WHOLE, DECIMAL, NUMBER = "a whole number", "a decimal number", "a number"
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
        return misfit(Phrase.BLANKS, value, what)
    if _padded(text) and text.count(".") < 2 and not text.endswith("."):
        if text.startswith("+"):
            return misfit(Phrase.PLUS, value, what)
        if re.match(r"-?0[0-9]", text):
            return misfit(Phrase.ZEROS, value, what)
    return misfit(Phrase.IS_NOT, value, what)


def _plainly(value: str, form: ValueFormat, what: str) -> str:
    """The number with a point and without separators; as it is where it can't be one anyway."""
    whole, sign, fraction = value.partition(form.decimal)
    if form.thousands:
        mark = _marks[form.thousands]
        if mark.search(whole) and value == value.strip():
            if not _grouped[form.thousands](whole):
                raise misfit(Phrase.SEPARATORS, value, what)
            whole = mark.sub("", whole)
    if form.decimal != "." and "." in whole + fraction:
        raise misfit(Phrase.DECIMAL_SIGN, value, what, form.decimal)
    return whole + sign.replace(form.decimal, ".") + fraction


def _parse_whole(value: str, form: ValueFormat, least: int, greatest: int) -> str:
    text = value if form.plain_numbers else _plainly(value, form, WHOLE)
    if not _whole(text):
        raise _no_number(value, text, WHOLE)
    # The length comes first: int() of very many digits is slow, and refused by Python itself.
    if len(text) > 9 and (len(text) > 20 or not least <= int(text) <= greatest):
        raise misfit(Phrase.RANGE, value, least, greatest)
    return text


def parse_integer(value: str, form: ValueFormat = PLAIN) -> str:
    """A whole number of 32 bits, in ASCII digits, without leading zeros."""
    return _parse_whole(value, form, *INTEGER)


def parse_bigint(value: str, form: ValueFormat = PLAIN) -> str:
    """A whole number of 64 bits, in ASCII digits, without leading zeros."""
    return _parse_whole(value, form, *BIGINT)


def parse_numeric(value: str, form: ValueFormat = PLAIN) -> str:
    """A decimal number; all its digits are kept."""
    text = value if form.plain_numbers else _plainly(value, form, DECIMAL)
    match = _decimal(text)
    if not match:
        raise _no_number(value, text, DECIMAL)
    whole, fraction = match[1] or "", match[2] or match[3] or ""
    if len(whole) > NUMERIC_WHOLE or len(fraction) > NUMERIC_FRACTION:
        raise misfit(Phrase.DIGITS, value, len(whole), len(fraction))
    return text


def parse_double(value: str, form: ValueFormat = PLAIN) -> str:
    """A number of about 15 digits, with or without an exponent; also inf, -inf and nan. Digits beyond that are rounded."""
    text = value if form.plain_numbers else _plainly(value, form, NUMBER)
    if _float_word(text):
        return text
    if not _float(text):
        raise _no_number(value, text, NUMBER)
    made = float(text)
    if made in (float("inf"), float("-inf")):
        raise misfit(Phrase.LARGE, value)
    if made == 0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise misfit(Phrase.SMALL, value)
    return text
