"""parse: a raw page to blocks, with what its head or first lines tell about it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from pipeline.decode import decode
from pipeline.parse.hostile import hostile_shape, may_be_hostile
from pipeline.parse.html import parse_html
from pipeline.parse.language import guess_language
from pipeline.parse.metadata import Metadata, html_metadata, site_of, text_metadata
from pipeline.parse.text import parse_text
from pipeline.parse.walk import HtmlPage
from pipeline.records import ParsedPage, RawPage

_TAG = re.compile(r"<(?:!doctype|html|head|body|div|p|span|a|article|section|table|meta|script|h[1-6]|ul|br)\b", re.I)
#: How many tags a page must show in its first 64 kB to be HTML.
MIN_TAGS = 3
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd\ufffe\uffff]")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
#: A page is binary if so large a share of its first 4,096 characters are control characters or beyond decoding.
MAX_CONTROL_SHARE = 0.1


def _parse_with_soup(source: bytes) -> HtmlPage:
    from pipeline.parse import soup  # BeautifulSoup and html5lib take their time to load

    return soup.parse_html(source)


#: What makes a tree of HTML: by name, a function of its UTF-8.
PARSERS: dict[str, Callable[[bytes], HtmlPage]] = {
    "lexbor": parse_html,
    "soup": _parse_with_soup,  # BeautifulSoup over html5lib: the slow reference
}
DEFAULT_PARSER = "lexbor"


class NoText(Exception):
    """A page that holds no text that could be parsed; the message says why."""


class TooCostly(NoText):
    """A page built so that parsing would take far too long; the message says what it has too many of."""


def parse(raw: RawPage, parser: str = DEFAULT_PARSER) -> ParsedPage:
    """Give the blocks of one page.

    Parameters
    ----------
    raw : RawPage
    parser : str
        One of `PARSERS`, for HTML; text dumps need none.

    Raises
    ------
    NoText
        If the page is empty or binary, or (TooCostly) of a shape that parsers choke on.
    KeyError
        If there is no such parser.
    """
    source = decode(raw.content, raw.charset) if isinstance(raw.content, bytes) else raw.content
    start = source[:4096].replace("\x00", "")
    if len(_CONTROL.findall(start)) > MAX_CONTROL_SHARE * len(start):
        raise NoText("the page is binary data, neither HTML nor text")
    source, data = _writable(source)
    if not source.strip():
        raise NoText("the page is empty")
    is_html = looks_like_html(source) if raw.is_html is None else raw.is_html
    if is_html:
        if may_be_hostile(data) and (shape := hostile_shape(source)):
            raise TooCostly(shape)
        page = PARSERS[parser](data)
        blocks, elements, told = page.blocks, page.elements, html_metadata(page)
    else:
        blocks, elements = parse_text(source)
        told = text_metadata(blocks, raw.url)
    return _assemble(raw, is_html, tuple(blocks), tuple(elements), told)


def _writable(source: str) -> tuple[str, bytes]:
    """The source, and its UTF-8, with "\\n" for every line end and a blank for what no table and no XML may hold.

    Hardly a page holds such a character: counting bytes tells it five times faster than looking at every character.
    """
    try:
        data = source.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        sound = False
    else:
        controls = np.count_nonzero(np.frombuffer(data, np.uint8) < ord(" "))
        sound = controls == data.count(b"\n") + data.count(b"\t")
    if sound:
        return source, data
    source = _UNWRITABLE.sub(" ", source).replace("\r\n", "\n").replace("\r", "\n")
    return source, source.encode()


def looks_like_html(source: str) -> bool:
    """Tell HTML from a text dump by the tags in its first 64 kB."""
    start = source[:65536]
    return bool(re.match(r"\s*<(?:!doctype|html)\b", start, re.I)) or len(_TAG.findall(start)) >= MIN_TAGS


def _assemble(raw: RawPage, is_html: bool, blocks: tuple, elements: tuple, told: Metadata) -> ParsedPage:
    url = raw.url or told.url
    site = raw.site or site_of(raw.url) or site_of(told.url)
    language = guess_language(blocks, told.language)
    title = raw.title or told.title
    return ParsedPage(
        raw.page_id,
        raw.source,
        is_html,
        url,
        site,
        title,
        told.date,
        told.author,
        language,
        blocks,
        elements,
        told.modified,
        told.site_name,
        told.url,
    )
