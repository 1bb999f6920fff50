"""decode: bytes to text. It never raises, and it finds the encoding that was meant."""

from __future__ import annotations

import random

import pytest

from pipeline.decode import decode

TEXT = "Naïve “quotes” – and a café’s menu for 5 €."
JAPANESE = "<p>" + "夜中に足がつる原因と対処法について説明します。" * 8 + "</p>"
RUSSIAN = "<p>" + "Причины судорог в икроножных мышцах по ночам. " * 8 + "</p>"


CHINESE = "<p>" + "夜里小腿抽筋的原因和处理方法说明如下。" * 8 + "</p>"
#: Text that was encoded twice is text like any other: it is not guessed back.
TWICE = "It’s".encode().decode("cp1252")


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
    ("shift-jis, not declared", JAPANESE.encode("cp932"), JAPANESE),
    ("euc-jp, declared", declared(JAPANESE, "euc-jp").encode("euc-jp"), declared(JAPANESE, "euc-jp")),
    ("gbk, not declared", CHINESE.encode("gbk"), CHINESE),
    ("big5, declared", declared("頭痛的原因", "big5").encode("big5"), declared("頭痛的原因", "big5")),
    ("windows-1251, not declared", RUSSIAN.encode("cp1251"), RUSSIAN),
    ("windows-1251, said to be utf-8", declared(RUSSIAN, "utf-8").encode("cp1251"), declared(RUSSIAN, "utf-8")),
    ("utf-8, said to be ascii", declared(TEXT, "us-ascii").encode(), declared(TEXT, "us-ascii")),
    ("utf-8, said to be utf-16", declared(TEXT, "utf-16").encode(), declared(TEXT, "utf-16")),
    ("utf-16 be without a mark", ("<p>" + "plain words " * 20).encode("utf-16-be"), "<p>" + "plain words " * 20),
    ("utf-32 le with a mark", b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"), TEXT),
    ("encoded twice", TWICE.encode(), TWICE),
    ("nuls between", b"plain\0 words\0", "plain\0 words\0"),
    ("lone surrogates", (TEXT * 3).encode() + b"\xed\xa0\x80", TEXT * 3 + "\ufffd\ufffd\ufffd"),
    (
        "an xml declaration",
        f'<?xml version="1.0" encoding="koi8-r"?>{RUSSIAN}'.encode("koi8-r"),
        f'<?xml version="1.0" encoding="koi8-r"?>{RUSSIAN}',
    ),
    (
        "declared beyond the first 4 kB",
        b" " * 4096 + declared(TEXT, "koi8-r").encode(),
        " " * 4096 + declared(TEXT, "koi8-r"),
    ),
    (
        "latin-2, declared",
        declared("zażółć gęślą jaźń", "iso-8859-2").encode("iso-8859-2"),
        declared("zażółć gęślą jaźń", "iso-8859-2"),
    ),
    ("a cut character at the end", TEXT.encode()[:-1] + "é".encode()[:1], TEXT[:-1] + "\ufffd"),
    ("nothing", b"", ""),
]


def test_there_are_thirty_cases():
    assert len(CASES) >= 30


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
