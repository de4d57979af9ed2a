"""What is wrong with rejected rows, in words without their values: so that the rows can be counted by them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from waystation.csvio.rejects import wrongs
from waystation.csvio.words import Phrase, quoted

Tally = dict[str, int]  # how many rows by what is wrong: the column (nothing if it is the row as a whole), a tab, the words

MOST = 100  # sorts of a file that are told apart: a thousand columns may each have their own
REST = "\tis wrong in some other way"

# Words for all values that a phrase is said of, where it tells more of each than what is wrong.
_GENERAL = {
    Phrase.MONTH: "{0} is not {1}: there is no such month",
    Phrase.DAYS: "{0} is not {1}: its month has fewer days",
    Phrase.ZONE: "{0} is not {1}: its time zone would be lost",
    Phrase.JSON: "{0} is not JSON",
    Phrase.BYTE: "a byte is not valid UTF-8",
    Phrase.ONE_FIELD: "has another number of fields than the header, which has {1}",
    Phrase.FIELDS: "has another number of fields than the header, which has {1}",
}
_of_one_value = re.compile(r"'.*?'(?= )|\".*?\"(?= )", re.DOTALL)


def _pattern(phrase: Phrase) -> re.Pattern[str]:
    """What a reason looks like that was said with a phrase, behind the value that it begins with."""
    pieces = re.split(r"\{(\d)\}", phrase.removeprefix("{0}"))
    return re.compile("".join(f"(?P<_{p}>.+?)" if at % 2 else re.escape(p) for at, p in enumerate(pieces)), re.DOTALL)


_PATTERNS = [(_pattern(phrase), general.removeprefix("{0}")) for phrase, general in _GENERAL.items()]


@lru_cache(maxsize=4096)
def _general(words: str) -> str:
    for pattern, general in _PATTERNS:
        found = pattern.fullmatch(words)
        if found is not None:
            words = general.replace("{1}", found.groupdict().get("_1", ""))
    return words.strip()


def without_value(reason: str, value: str) -> str:
    """The words of a reason for any value: "'abc' is not a whole number" is "is not a whole number"."""
    shown = quoted(value)
    if reason.startswith(shown):
        reason = reason[len(shown) :]
    elif reason[:1] in "'\"":  # the value is not shown as it was
        reason = _of_one_value.sub("", reason, count=1)
    return _general(reason)


def tally(rejects: bytes) -> Tally:
    """How many of the rejects (in COPY's text format, see rejects.py) there are of each sort."""
    return Counter(f"{column or ''}\t{without_value(reason, value)}" for column, value, reason in wrongs(rejects))


def added(one: Tally, other: Mapping[str, int]) -> Tally:
    """Both together. Beyond MOST sorts, those that come last are counted as one."""
    if not other:
        return one
    made = dict(one)
    for sort, number in other.items():
        key = sort if sort in made or len(made) < MOST else REST
        made[key] = made.get(key, 0) + number
    return made


def listed(found: Mapping[str, int]) -> list[dict[str, Any]]:
    """For people: the column (null if it is the row as a whole), what is wrong and of how many rows, the commonest first."""
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    parted = ((*sort.split("\t", 1), number) for sort, number in ordered)
    return [{"column": column or None, "reason": words, "rows": number} for column, words, number in parted]
