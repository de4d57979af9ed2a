"""The language of row filters: read into a tree, with the place of whatever is wrong. It knows no table and no SQL.

    age >= 18 and (name starts with 'A' or email like '%@example.org') and not phone is null
    city in ('Bonn', 'Köln') and "date of birth" < '1990-01-01'

Words (and, or, not, in, is, null, like, contains, starts with, ends with, true, false) are read in any case; a column whose
name is such a word, or holds anything but letters, digits and _, stands in double quotes; a text stands in single ones, and a
quote within it is written twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waystation.errors import InvalidFilter

LONGEST = 4_000  # characters
DEEPEST = 40  # parentheses and nots within each other
MOST = 500  # comparisons and values

COMPARISONS = ("=", "!=", "<>", "<=", ">=", "<", ">")
WORDS = frozenset(["and", "or", "not", "in", "is", "null", "like", "contains", "starts", "ends", "with", "true", "false"])


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written: its text, what it looks like (text, number or word), and where it stands, from 1."""

    text: str
    looks: str
    at: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one column: a comparison, `in`, `like`, `contains`, `starts with`, `ends with` or `is null`."""

    column: str
    at: int
    what: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    of: Node


@dataclass(frozen=True, slots=True)
class Both:
    """All (`and`) or any (`or`) of several."""

    word: str
    parts: tuple[Node, ...]


Node = Asked | Not | Both


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # name, quoted, text, number, sign, end
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "name" else ""


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>[^\W\d]\w*)
    | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | '(?P<text>(?:[^']|'')*)'
    | "(?P<quoted>(?:[^"]|"")+)"
    | (?P<sign><=|>=|<>|!=|[=<>(),])
    )""",
    re.VERBOSE,
)


def _tokens(source: str) -> list[_Token]:
    found, at = [], 0
    while source[at:].strip():
        match = _TOKEN.match(source, at)
        if match is None:
            at += len(source[at:]) - len(source[at:].lstrip())
            unclosed = {"'": "a text that is never closed", '"': "a column name that is never closed"}
            raise _wrong(at + 1, f"there is {unclosed.get(source[at], repr(source[at]))}, which can't be read")
        kind = match.lastgroup or ""
        text = match[kind]
        if kind in ("text", "quoted"):
            text = text.replace("''", "'") if kind == "text" else text.replace('""', '"')
        start = match.end() - len(match[0].lstrip())
        found.append(_Token(kind, text, start + 1))
        at = match.end()
    return [*found, _Token("end", "", len(source) + 1)]


def _wrong(at: int, what: str) -> InvalidFilter:
    return InvalidFilter(f"The filter is wrong at character {at}: {what}.", position=at)


def parse(source: str) -> Node:
    """The filter as a tree. Raises InvalidFilter with the place, and what was expected there."""
    if len(source) > LONGEST:
        raise InvalidFilter(f"The filter has {len(source)} characters; {LONGEST} are allowed.")
    if "\0" in source:
        raise _wrong(source.index("\0") + 1, "there is a NUL, which no text in a database holds")
    return _Parser(_tokens(source)).whole()


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._next, self._depth, self._size = tokens, 0, 0, 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _fail(self, expected: str) -> InvalidFilter:
        token = self._token
        found = "it ends" if token.kind == "end" else f"there is {token.text[:40]!r}"
        return _wrong(token.at, f"{expected} was expected, and {found}")

    def _accept(self, *words: str) -> bool:
        """Take these words or signs, if all of them come next."""
        ahead = self._tokens[self._next : self._next + len(words)]
        if [t.word or (t.text if t.kind == "sign" else "") for t in ahead] != list(words):
            return False
        self._next += len(words)
        return True

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            raise self._fail(repr(sign))

    def _count(self, at: int) -> None:
        self._size += 1
        if self._size > MOST:
            raise _wrong(at, f"more than {MOST} comparisons and values are not allowed")

    def whole(self) -> Node:
        node = self._either()
        if self._token.kind != "end":
            raise self._fail("`and`, `or` or the end")
        return node

    def _either(self) -> Node:
        parts = [self._all()]
        while self._accept("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Both("or", tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Both("and", tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _wrong(self._token.at, f"more than {DEEPEST} parentheses or `not` within each other are not allowed")
        try:
            if self._accept("not"):
                return Not(self._one())
            if self._accept("("):
                node = self._either()
                self._expect(")")
                return node
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Node:
        token = self._token
        if token.kind not in ("name", "quoted") or token.word in WORDS:
            raise self._fail("the name of a column (in double quotes, if it is a word of this language), `not` or `(`")
        self._take()
        self._count(token.at)
        column, at = token.text, token.at
        if self._accept("is"):
            contrary = self._accept("not")
            if not self._accept("null"):
                raise self._fail("`null`")
            return self._maybe_not(contrary, Asked(column, at, "is null"))
        for sign in COMPARISONS:
            if self._accept(sign):
                return Asked(column, at, "!=" if sign == "<>" else sign, (self._value(),))
        contrary = self._accept("not")
        if self._accept("in"):
            return self._maybe_not(contrary, Asked(column, at, "in", self._list()))
        for words in (("like",), ("contains",), ("starts", "with"), ("ends", "with")):
            if self._accept(*words):
                return self._maybe_not(contrary, Asked(column, at, " ".join(words), (self._value(),)))
        raise self._fail("one of = != < <= > >= in, like, contains, starts with, ends with, is null")

    @staticmethod
    def _maybe_not(contrary: bool, test: Asked) -> Node:
        return Not(test) if contrary else test

    def _list(self) -> tuple[Value, ...]:
        self._expect("(")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> Value:
        token = self._token
        self._count(token.at)
        if token.word == "null":
            raise self._fail("a value (nothing equals null: write `is null`)")
        if token.kind in ("text", "number") or token.word in ("true", "false"):
            self._take()
            return Value(token.text, "word" if token.word else token.kind, token.at)
        raise self._fail("a number, a text in single quotes, true or false")
