"""Bytes to text: byte order mark, the charset told or declared, strict UTF-8, then detection. It never raises."""

from __future__ import annotations

import codecs
import re

#: The charset must be declared within so many bytes.
DECLARED_WITHIN = 4096
#: Detection looks at so many bytes.
DETECT_BYTES = 1 << 16
_DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]{0,200}encoding\s*=\s*["']([\w.:-]+)""", re.I)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Labels that browsers read as another encoding (WHATWG Encoding Standard).
_READ_AS = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
#: What a detector names where windows-1252 is meant far more often.
_LOOK_ALIKES = frozenset(("iso8859-1", "iso8859-15", "cp1250", "cp1254", "cp1257", "mac-roman", "ascii"))


def decode(data: bytes, charset: str | None = None) -> str:
    """Text of a page's bytes; bytes that fit no encoding become U+FFFD.

    Order: byte order mark, the charset that the server told, UTF-16 by its zero bytes, a charset declared in the first
    4 kB (each of the two if the page decodes under it), strict UTF-8, BeautifulSoup's detection, windows-1252.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    told = _codec(charset) if charset else None
    if told and not told.startswith("utf-16"):  # that is told by its zero bytes
        try:
            return data.decode(told)
        except UnicodeError:  # not always a decode error: idna has its own
            pass
    wide = _utf16(data[:DECLARED_WITHIN])
    if wide:
        return data.decode(wide, "replace")
    declared = _DECLARED.search(data, 0, DECLARED_WITHIN)
    name = _codec((declared[1] or declared[2]).decode("ascii")) if declared else None
    for encoding in filter(None, (None if name in (None, "utf-8") else name, "utf-8")):
        if not encoding.startswith("utf-16"):  # a page whose declaration could be read is not UTF-16
            try:
                return data.decode(encoding)
            except UnicodeError:
                continue
    return data.decode(_detected(data), "replace")


def _codec(label: str) -> str | None:
    """Python's name of a charset label, None if nobody knows it."""
    try:
        name = codecs.lookup(label).name
        b"\0\0\0\0".decode(name)  # not all codecs are of text
    except (LookupError, ValueError):
        return None
    return _READ_AS.get(name, name)


def _utf16(start: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of text in Latin letters is zero, and the others are not."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    most = 0.4 * len(start)
    if odd > most > 2 * even:
        return "utf-16-le"
    return "utf-16-be" if even > most > 2 * odd else None


def _detected(data: bytes) -> str:
    start = data[:DETECT_BYTES]
    if _mostly_utf8(start):
        return "utf-8"
    from bs4.dammit import EncodingDetector  # only for the few pages that nothing else tells

    for label in EncodingDetector(start, is_html=True).encodings:
        name = _codec(label)
        if name and name not in _LOOK_ALIKES and name != "utf-8":
            try:
                data.decode(name)
            except UnicodeError:
                continue
            return name
    return "cp1252"


def _mostly_utf8(start: bytes) -> bool:
    """Whether the bytes are UTF-8 with a few faults (a cut character, a pasted line)."""
    text = start.decode("utf-8", "replace")
    faults = text.count("\ufffd")
    beyond_ascii = sum(ch > "\x7f" for ch in text)
    return faults * 4 < beyond_ascii
