"""Encodings: named, told by a mark or by the letters, never guessed against the evidence; and UTF-8 comes out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystation.csvio.charset import Transcoder, canonical, judge, marked, spoken
from waystation.errors import InvalidParams, NotCsv

FRENCH = "prénom,ville\nÉlodie,Besançon\nNoël,Orléans\n“cité”,l’œuvre – 5 €\n"
GERMAN = "Größe;Straße\nüber;Äpfel\nÖl;süß\n"
TEXTS = [FRENCH, GERMAN, "señor,¿qué?\nniño,mañana\n", "plain,ascii\n1,2\n"]


def transcoded(data: bytes, given: str | None = None, size: int = 10**6) -> bytes:
    coder = Transcoder(given)
    return b"".join(coder.feed(data[at : at + size]) for at in range(0, len(data), size)) + coder.feed(b"", final=True)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("size", [1, 5000])
def test_each_encoding_is_told_and_becomes_utf_8(text: str, encoding: str, size: int) -> None:
    text *= 200
    assert transcoded(text.encode(encoding), size=size).decode() == text


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("latin-1", "latin-1"),
        ("ISO-8859-15", "iso8859-15"),
        ("windows-1250", "cp1250"),
        ("Shift_JIS", "shift_jis"),
        ("utf-16", "utf-16"),
    ],
)
def test_an_encoding_that_is_named_is_taken(name: str, encoding: str) -> None:
    text = "a,b\n1,2\n" * 1000 + {"cp1250": "ěščř,łódź", "shift_jis": "日本,東京"}.get(encoding, "é,ß") + "\n"
    assert transcoded(text.encode(encoding), name).decode() == text


@pytest.mark.parametrize("name", ["", "utf-9", "rot13", "idna", "base64", "unicode_escape", "punycode", "x" * 1000, "utf\0"])
def test_what_is_no_encoding(name: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        canonical(name)
    assert caught.value.hint


def test_an_encoding_is_spoken_of_as_people_write_it() -> None:
    assert [spoken(canonical(n)) for n in ("cp1252", "latin1", "utf8", "l9")] == [
        "windows-1252",
        "iso-8859-1",
        "utf-8",
        "iso-8859-15",
    ]


def test_other_bytes_are_not_taken_for_windows_1252() -> None:
    """Each would be changed silently; as UTF-8, its rows are rejected in words."""
    for text, encoding in (
        ("Привет, мир\nещё строка\n", "cp1251"),
        ("Łódź,Wałęsa\nzażółć,gęślą jaźń\n", "cp1250"),
        ("日本,東京\n", "shift_jis"),
        ("中文,北京\n", "gb18030"),
        ("Ελλάδα,Αθήνα\n", "cp1253"),
    ):
        found = judge(text.encode(encoding))
        assert found is not None
        assert found.name == "utf-8", encoding
    for data in (b"b\xffd,1\n", bytes(range(128, 256)), "naïve".encode() + b" \xe9,x"):
        found = judge(data)
        assert found is not None
        assert found.name == "utf-8"


def test_a_guess_that_later_bytes_contradict_is_an_error() -> None:
    coder = Transcoder(None)
    assert coder.feed(b"caf\xe9 au lait\n" * 1000).startswith("café".encode())
    with pytest.raises(NotCsv) as caught:
        coder.feed("crème brûlée\n".encode() * 1000)
    assert "encoding" in caught.value.hint


def test_a_piece_that_ends_within_a_character_says_nothing_yet() -> None:
    data = b"x" * 5000 + "é".encode()
    coder = Transcoder(None)
    assert coder.feed(data[:-1]) == data[:-2]
    assert coder.state is None
    assert coder.feed(data[-1:] + b" and more") == data[-2:] + b" and more"
    assert coder.charset is not None
    assert coder.charset.name == "utf-8"


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"a\x81b", "cp1252"), (b"a\x3d\xd8,\0b\0", "utf-16-le"), (b"\x81\x20,b", "shift_jis"), (b"a\xff", "euc_jp")],
)
def test_bytes_without_a_character_stay_none_so_that_their_row_is_rejected(data: bytes, name: str) -> None:
    with pytest.raises(UnicodeDecodeError):
        transcoded(data, name).decode()


@given(st.lists(st.sampled_from([b"\xc3", b"\xa9", b"\x81", b"\xe2", b"\x82", b"\xac", b"a", b"\xff", b"\n"])), st.data())
def test_no_bytes_without_a_character_come_to_make_one_up(parts: list[bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["cp1252", "shift_jis", "euc_jp", "ascii", "utf-16-le"]))
    if name == "ascii":  # handed on as it is: what is UTF-8 in it is no error
        return
    raw = b"".join(parts)
    try:
        wanted: str | None = raw.decode(name)
    except UnicodeDecodeError:
        wanted = None
    made = transcoded(raw, name)
    if wanted is None:
        with pytest.raises(UnicodeDecodeError):
            made.decode()
    elif raw[:2] != b"\xff\xfe" or name != "utf-16-le":
        assert made.decode() == wanted


@given(st.text(), st.integers(1, 7), st.sampled_from(["utf-16-le", "utf-16-be", "cp1252", "shift_jis"]))
def test_another_transcoder_goes_on_from_a_state(text: str, size: int, name: str) -> None:
    raw = text.encode(name, "replace")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return
    coder, made, passed = Transcoder(name), b"", 0
    raw = raw * (1 + 5000 // max(1, len(raw))) if raw else raw
    for at in range(0, len(raw), 5000 + size):
        made += coder.feed(raw[at : at + 5000 + size])
        if coder.state is not None:
            coder = Transcoder(name, state=json.loads(json.dumps(coder.state)))
            passed += 1
    made += coder.feed(b"", final=True)
    assert made.decode() == raw.decode(name)
    assert passed or len(raw) < 4096


def test_utf_16_is_told_without_a_mark_and_binary_is_not() -> None:
    assert (found := marked("a,b\n1,2\n".encode("utf-16-le"), None)) is not None
    assert found.name == "utf-16-le"
    assert marked(bytes(100), None) is None
    assert marked(bytes(range(256)) * 4, None) is None
    assert marked(b"a", None) is None
