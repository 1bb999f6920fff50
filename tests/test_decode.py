"""decode: bytes to text. It never raises, and it finds the encoding that was meant."""

from __future__ import annotations

import random

import pytest

from pipeline.decode import decode

TEXT = "Naïve “quotes” – and a café’s menu for 5 €."
JAPANESE = "<p>" + "夜中に足がつる原因と対処法について説明します。" * 8 + "</p>"
RUSSIAN = "<p>" + "Причины судорог в икроножных мышцах по ночам. " * 8 + "</p>"


def declared(text: str, charset: str) -> str:
    return f'<html><head><meta charset="{charset}"></head><body>{text}</body></html>'


CASES = [
    ("utf-8", TEXT.encode(), TEXT),
    ("utf-8 with a mark", b"\xef\xbb\xbf" + TEXT.encode(), TEXT),
    ("utf-16 le with a mark", b"\xff\xfe" + TEXT.encode("utf-16-le"), TEXT),
    ("utf-16 be with a mark", b"\xfe\xff" + TEXT.encode("utf-16-be"), TEXT),
    ("utf-16 le without a mark", ("<p>" + "plain words " * 20).encode("utf-16-le"), "<p>" + "plain words " * 20),
    ("windows-1252, declared", declared(TEXT, "windows-1252").encode("cp1252"), declared(TEXT, "windows-1252")),
    ("windows-1252, said to be latin-1", declared(TEXT, "iso-8859-1").encode("cp1252"), declared(TEXT, "iso-8859-1")),
    ("windows-1252, said to be utf-8", declared(TEXT, "cp1252").encode("cp1252"), declared(TEXT, "cp1252")),
    ("windows-1252, not declared", (TEXT + " It’s a page.").encode("cp1252"), TEXT + " It’s a page."),
    ("utf-8, with a charset nobody knows", declared(TEXT, "x-none").encode(), declared(TEXT, "x-none")),
    ("shift-jis, declared", declared(JAPANESE, "shift_jis").encode("cp932"), declared(JAPANESE, "shift_jis")),
    ("windows-1251, declared", declared(RUSSIAN, "windows-1251").encode("cp1251"), declared(RUSSIAN, "windows-1251")),
    ("gbk, said to be gb2312", declared("頭痛的原因", "gb2312").encode("gbk"), declared("頭痛的原因", "gb2312")),
    ("ascii", b"plain", "plain"),
    ("nothing", b"", ""),
]


@pytest.mark.parametrize(("data", "text"), [pytest.param(d, t, id=name) for name, d, t in CASES])
def test_encodings(data, text):
    assert decode(data) == text


TOLD = [
    ("used", RUSSIAN.encode("koi8-r"), "koi8-r", RUSSIAN),
    (
        "before the declared one",
        declared(RUSSIAN, "koi8-r").encode("cp1251"),
        "windows-1251",
        declared(RUSSIAN, "koi8-r"),
    ),
    ("after a mark", b"\xef\xbb\xbf" + TEXT.encode(), "windows-1252", TEXT),
    ("not if the page does not decode", TEXT.encode("cp1252"), "utf-8", TEXT),
    ("nobody knows it", TEXT.encode(), "x-none", TEXT),
    ("no charset of text", b"plain", "hex", "plain"),
    ("fails in its own way", (b"a" * 90 + b".") * 3, "idna", ("a" * 90 + ".") * 3),
]


@pytest.mark.parametrize(("data", "charset", "text"), [pytest.param(d, c, t, id=name) for name, d, c, t in TOLD])
def test_the_charset_that_the_server_told(data, charset, text):
    assert decode(data, charset) == text


def test_utf8_with_one_broken_character_stays_utf8():
    assert decode(TEXT.encode() + b"\xff" + TEXT.encode()) == f"{TEXT}\ufffd{TEXT}"


def test_any_bytes_decode():
    rng = random.Random(0)
    for _ in range(200):
        decode(rng.randbytes(rng.randrange(400)))
