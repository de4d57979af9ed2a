"""What encoding a file is in: named by a byte-order mark, by the request, or told by its bytes.

Nothing but UTF-8, UTF-16 and Windows-1252 (which holds Latin-1) is guessed, and the last only where its letters look like
those of a text. In doubt a file is UTF-8, and rows that are not become rejects: a wrong guess would change every one of them.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from waystation.errors import InvalidParams, NotCsv

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
GUESSED = "told by its letters: they are not UTF-8, and as Windows-1252 they make words"

_known = re.compile(
    r"utf-(?:8|16|32)(?:-[lb]e)?|ascii|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|tis-620|ptcp154|kz1048|hp-roman8"
    r"|shift_?jis\w*|euc_\w+|gb\w+|big5\w*|johab|hz|iso2022_\w+"
).fullmatch
_BEGINNING = 4096  # bytes from which the beginning of a file can be told
_PLAUSIBLE = 0.95  # share of the letters beyond ASCII that must look like a text's
_MARKS = frozenset("“”‘’„‚–—…€£§°·©®™½¼¾«»¿¡ªº²³µ×\xa0")
_WITHIN_WORDS = frozenset("’·")
_RARE = frozenset("ÿþð")  # in few texts, but often bytes of something else

_tail = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")
_lead = re.compile(rb"[\x80-\xbf]{1,3}")
_beyond = re.compile("[^\0-\x7f]+")


@dataclass(frozen=True, slots=True)
class Charset:
    """An encoding by Python's name for it, how long its byte-order mark is, and why it was taken."""

    name: str
    bom: int
    why: str

    @property
    def plain(self) -> bool:
        """It is UTF-8 (or ASCII): nothing has to be changed."""
        return self.name in ("utf-8", "ascii")


def canonical(name: str) -> str:
    """Python's name for the encoding of this name. Raises InvalidParams for one that is none, or no text's."""
    try:
        found = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        found = ""
    found = "utf-8" if found == "utf-8-sig" else found
    if not _known(found):
        raise InvalidParams(
            f"`encoding` is {name[:40]!r}, which is no encoding that can be read.",
            remedy="Name it as utf-8, utf-16, windows-1252, latin-1, iso-8859-15, cp1250, shift_jis, gb18030 and the like.",
        )
    return found


def marked(head: bytes, given: str | None) -> Charset | None:
    """What the request, the byte-order mark or the zeros between ASCII letters say of a file that begins so, if anything."""
    mark, name = next(((mark, name) for mark, name in _BOMS if head.startswith(mark)), (b"", ""))
    if given is not None:
        wanted = canonical(given)
        if name.startswith(wanted) and name:  # for utf-16, which of the two it is
            return Charset(name, len(mark), "named in the request")
        if wanted == "utf-16":
            wanted = _utf16_by_zeros(head) or "utf-16-le"
        return Charset(wanted, 0, "named in the request")
    if name:
        return Charset(name, len(mark), "told by its byte-order mark")
    if utf16 := _utf16_by_zeros(head):
        return Charset(utf16, 0, "told by the zero in every second byte")
    return None


def _utf16_by_zeros(head: bytes) -> str | None:
    """Texts with ASCII among them have a zero in nearly every pair of bytes, always on the same side."""
    head = head[: min(len(head), 4096) // 2 * 2]
    left, right = head[::2].count(0), head[1::2].count(0)
    enough = len(head) / 2 * 0.4
    if len(head) >= 4 and right > enough and left * 20 <= right:
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 4 and left > enough and right * 20 <= left else None


def whole_characters(sample: bytes, *, begun: bool = False) -> bytes:
    """The sample without the half of a UTF-8 character where it ends and, unless it `begun` at a character, where it begins."""
    if not begun and (lead := _lead.match(sample)):
        sample = sample[lead.end() :]
    return _tail.sub(b"", sample)


def judge(sample: bytes) -> Charset | None:
    """What the bytes of a sample say; None if all are ASCII."""
    if sample.isascii():
        return None
    beyond = "".join(_beyond.findall(sample.decode("utf-8", "surrogateescape")))
    bad = sum("\udc80" <= c <= "\udcff" for c in beyond)
    if not bad:
        return Charset("utf-8", 0, "told by its letters: they are UTF-8")
    if len(beyond) < 2 * bad and _looks_western(sample):
        return Charset("cp1252", 0, GUESSED)
    return Charset("utf-8", 0, "assumed: some of its bytes are not UTF-8, and no other encoding fits")


def _looks_western(sample: bytes) -> bool:
    """Whether the bytes beyond ASCII, read as Windows-1252, stand as accented letters and marks do in a text."""
    text = sample.decode("cp1252", "replace")
    right = wrong = 0
    for run in _beyond.finditer(text):
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        for number, c in enumerate(run[0]):
            within = (number > 0 or before.isalpha()) and (number < len(run[0]) - 1 or after.isalpha())
            if (c.isalpha() and len(run[0]) < 3 and c not in _RARE) or (c in _MARKS and (c in _WITHIN_WORDS or not within)):
                right += 1
            else:
                wrong += 1
    return right >= _PLAUSIBLE * (right + wrong)


def _keep_bad(error: UnicodeError) -> tuple[str, int]:
    """Bytes that the encoding has no character for stay in the UTF-8 as bytes that are none there: the row is rejected.

    Those that could come to make up a character stand as 0xFF, which never does.
    """
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + (b if 0x80 <= b < 0xC0 or b > 0xF4 else 0xFF)) for b in bad), error.end


codecs.register_error("waystation.keep_bad", _keep_bad)


class Transcoder:
    """Bytes in, UTF-8 out, piece by piece. What the beginning does not tell is told by the first piece that is not all ASCII.

    `state` is anything that JSON holds: with it another Transcoder goes on from the same place. None while that can't be.
    """

    def __init__(self, given: str | None, charset: Charset | None = None, state: list[Any] | None = None) -> None:
        self.charset = charset
        self._given = given
        self._begun = state is not None
        self._held = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        if state is not None:
            name, why, held, flag = state
            self.charset = Charset(name, 0, why) if name else None
            if held is not None:
                self._start().setstate((bytes.fromhex(held), flag))

    @property
    def state(self) -> list[Any] | None:
        """See the class."""
        if self._held or not self._begun:
            return None
        name, why = (self.charset.name, self.charset.why) if self.charset else (None, "")
        held, flag = self._decoder.getstate() if self._decoder else (b"", 0)
        return [name, why, held.hex() if self._decoder else None, flag]

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """The UTF-8 for some more bytes. Raises NotCsv when they contradict what was guessed of those before."""
        data, self._held = self._held + data, b""
        if not self._begun:
            if len(data) < _BEGINNING and not final:
                self._held = data
                return b""
            self._begun = True
            self.charset = self.charset or marked(data, self._given)
            data = data[self.charset.bom if self.charset else 0 :]
        if self.charset is None:
            if not final:
                whole = whole_characters(data, begun=True)
                data, self._held = whole, data[len(whole) :]
            self.charset = judge(data)
        if self.charset is None or self.charset.plain:
            return data
        if self.charset.why == GUESSED:
            self._doubt(data)
        return (self._decoder or self._start()).decode(data, final).encode("utf-8", "surrogateescape")

    def _doubt(self, data: bytes) -> None:
        """Of a guess: letters of Windows-1252 that are all UTF-8 too are none of a text."""
        whole = whole_characters(data)
        if not whole.isascii():
            try:
                whole.decode()
            except UnicodeDecodeError:
                return
            raise NotCsv(
                "The file looks like Windows-1252 in one place and like UTF-8 in another.",
                remedy="Name its encoding in the request (`encoding`): rows that are not written in it become rejects.",
            )

    def _start(self) -> codecs.IncrementalDecoder:
        assert self.charset is not None
        self._decoder = codecs.getincrementaldecoder(self.charset.name)("waystation.keep_bad")
        return self._decoder


@cache
def spoken(name: str) -> str:
    """An encoding's name as people write it: cp1252 is windows-1252."""
    number = re.fullmatch(r"cp(125\d|874)", name)
    return f"windows-{number[1]}" if number else name.replace("iso8859", "iso-8859").replace("_", "-")
