"""HTML to blocks by BeautifulSoup over html5lib: the slow reference that `html` is held against.

Both bring a tree to the same walk, so a page whose blocks differ is one that the two parsers repair differently. It
takes nearly twenty times as long as Lexbor.
"""

from __future__ import annotations

import warnings

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

from pipeline.parse.walk import HtmlPage, walk


def parse_html(source: str | bytes) -> HtmlPage:
    """Parse and walk one page.

    Parameters
    ----------
    source : str, or bytes in UTF-8
        HTML of any quality; html5lib repairs it as browsers do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about pages that look like XML, an address or a file's name
        text = source.decode() if isinstance(source, bytes) else source
        soup = BeautifulSoup(text, "html5lib", multi_valued_attributes=None)
    return walk(_Node(soup.html) if soup.html else None, source)


class _Node:
    """A tag or string of BeautifulSoup with the properties that the walk asks for."""

    __slots__ = ("_element",)

    def __init__(self, element: PageElement) -> None:
        self._element = element

    @property
    def tag(self) -> str | None:
        if isinstance(self._element, Tag):
            return self._element.name
        return "-comment" if isinstance(self._element, PreformattedString) else "-text"

    @property
    def next(self) -> _Node | None:
        following = self._element.next_sibling
        return None if following is None else _Node(following)

    @property
    def first_child(self) -> _Node | None:
        inside = self._element.contents if isinstance(self._element, Tag) else []
        return _Node(inside[0]) if inside else None

    @property
    def attributes(self) -> dict[str, str | None]:
        found = self._element.attrs if isinstance(self._element, Tag) else {}
        return {name: str(value) or None for name, value in found.items()}

    @property
    def text_content(self) -> str | None:
        return str(self._element) if isinstance(self._element, NavigableString) else None

    def text(self, *, separator: str = "") -> str:
        # not `get_text`, which passes over the text of a script
        inside = self._element.descendants if isinstance(self._element, Tag) else []
        return separator.join(str(part) for part in inside if type(part) is NavigableString)

    def css(self, query: str) -> list[_Node]:
        return [_Node(found) for found in self._element.select(query)] if isinstance(self._element, Tag) else []
