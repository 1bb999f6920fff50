"""A tree of HTML nodes to blocks: one walk with an explicit stack, whatever parser made the tree.

A block is a run of text between the borders of block-level elements, cut also at two `<br>` in a row.
The cells of a table row that hold plain text make one block. All policy of what counts as text, as a border and as
which kind stands here, once; `html` and `soup` only bring the tree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from pipeline.records import Block, Element

#: Never text of the page.
SKIPPED = frozenset(
    "script style template svg iframe select object video audio canvas map textarea datalist math head".split()
)
#: Elements that do not end a run of text. All others do, custom elements (with a dash) among them.
INLINE = frozenset(
    "a abbr acronym b bdi bdo big button cite code data del dfn em font i img input ins kbd label mark meter nobr "
    "output picture progress q rp rt ruby s samp small source span strike strong sub sup time tt u var wbr".split()
)
#: What a block is by the innermost of these elements around it, and its level; an item's is the depth of its list.
KIND_OF = {
    **{f"h{level}": ("heading", level) for level in range(1, 7)},
    "li": ("item", 1),
    "blockquote": ("quote", 0),
    "figcaption": ("caption", 0),
    "caption": ("caption", 0),
    "pre": ("pre", 0),
    **dict.fromkeys(("td", "th", "tr"), ("cell", 0)),
    **dict.fromkeys(("dt", "dd"), ("paragraph", 0)),
}
#: Below this many characters of text outside it, `<noscript>` is read too: pages built by script alone.
NOSCRIPT_BELOW_CHARS = 500

#: Elements marked as author or date: in microdata, as a link to the author, or by a class.
_MARKED = "[itemprop~=author],[itemprop~=datePublished],[itemprop~=dateModified],[rel~=author]," + ",".join(
    f"[class*={word}]" for word in ("author", "byline", "date", "publish")
)
#: More than so many characters are no name and no date.
MARKED_CHARS = 120

_CELLS = frozenset(("td", "th"))
_LISTS = frozenset(("ul", "ol"))
#: The attributes whose words name an element; its id is another.
_NAMING = ("class", "role", "itemprop", "aria-label")
#: The id of a heading is a slug of its text, which says nothing of its place.
_ANCHORED = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_WORD = re.compile(r"[a-z]{2,}")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"

#: What the walk does at a node, by its tag; any other tag opens a block-level element. From _INLINE on it goes inside.
_SKIP, _BREAK, _READ, _INLINE, _LINK, _BOLD, _TIME, _BLOCK = range(8)
_ROLES: dict[str | None, int] = {
    **dict.fromkeys(INLINE, _INLINE),
    **dict.fromkeys(SKIPPED, _SKIP),
    **dict.fromkeys((None, "-comment", "-doctype", "-document", "noscript"), _SKIP),
    **dict.fromkeys(("head", "script"), _READ),
    **dict.fromkeys(("b", "strong"), _BOLD),
    "a": _LINK,
    "br": _BREAK,
    "time": _TIME,
}
_ROLES_WITH_NOSCRIPT = _ROLES | {"noscript": _BLOCK}


class Node(Protocol):
    """What the walk asks of a node; selectolax's nodes have it by nature."""

    @property
    def tag(self) -> str | None:
        """Lower case; "-text", "-comment" and "-doctype" for what is no element."""

    @property
    def next(self) -> Node | None:
        """The sibling after it."""

    @property
    def first_child(self) -> Node | None: ...

    @property
    def attributes(self) -> dict[str, str | None]:
        """Names in lower case; None for an empty value."""

    @property
    def text_content(self) -> str | None:
        """Of a text node."""

    def text(self, *, separator: str = "") -> str:
        """All text inside it."""

    def css(self, query: str) -> Sequence[Node]:
        """The elements inside it that a selector finds."""


class HtmlPage(NamedTuple):
    """What the walk finds: blocks and elements, and the head's own words for `metadata`."""

    blocks: list[Block]
    elements: list[Element]
    head_title: str
    meta: dict[str, str]  # name or property, lower case -> content; the first one counts
    links: dict[str, str]  # rel -> href
    json_ld: list[str]  # unparsed
    language: str  # as <html lang> says it
    times: list[str]  # <time datetime>, in order
    marked: dict[str, list[str]]  # author, date, datePublished ... -> what elements marked so say, in order


def walk(root: Node | None, source: str | bytes) -> HtmlPage:
    """Give the blocks of a tree.

    Parameters
    ----------
    root : Node or None
        The `html` element; None for a document without one.
    source : str or bytes
        What the tree was made from: tells cheaply whether there is a `<noscript>`.
    """
    found = _Walk()
    if root is not None:
        found.over(root, _ROLES)
        if found.chars < NOSCRIPT_BELOW_CHARS and _has_noscript(source):
            found = _Walk()
            found.over(root, _ROLES_WITH_NOSCRIPT)
    return found.page(_marked(root) if root is not None else {})


def _has_noscript(source: str | bytes) -> bool:
    return "<noscript" in source if isinstance(source, str) else b"<noscript" in source


def _marked(root: Node) -> dict[str, list[str]]:
    """What the elements say that are marked as author or date, by what they are marked as."""
    found: dict[str, list[str]] = {"author": [], "datePublished": [], "dateModified": [], "date": []}
    for node in root.css(_MARKED):
        attributes = node.attributes
        text = attributes.get("content") or attributes.get("datetime") or node.text(separator=" ")
        text = " ".join(text[: 4 * MARKED_CHARS].split())
        names = attributes.get("class") or ""
        if not text or len(text) > MARKED_CHARS or "comment" in names:
            continue
        marks = (attributes.get("itemprop") or "").split()
        if "author" in marks or attributes.get("rel") or "author" in names or "byline" in names:
            marks = ["author"]
        for mark in marks or ["date"]:
            found.setdefault(mark, []).append(text)
    return found


@lru_cache(maxsize=1 << 16)
def name_words(raw: str) -> str:
    """The words of attribute values: letters only, lower case, camelCase cut, each once.

    >>> name_words("entry-content postBody_2")
    'entry content post body'
    """
    cut = raw if raw.islower() else _CAMEL.sub(" ", raw).lower()
    return " ".join(dict.fromkeys(_WORD.findall(cut)))


class _Walk:
    """The state of one walk: columns of elements, and the run of text being gathered."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, str, int, float, int, bool]] = []
        self.columns: list[tuple[str, Node, int, int]] = []  # tag, node, column of the parent, first block
        self.lasts: list[int] = []  # the block after the last one; filled in when the element ends
        self.pieces: list[str] = []  # empty until the run holds more than blanks
        self.chars = self.link_chars = self.bold_chars = 0
        self.head_title = self.language = ""
        self.meta: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.json_ld: list[str] = []
        self.times: list[str] = []

    def over(self, root: Node, roles: dict[str | None, int]) -> None:
        """Visit every node in document order; here runs spend most of their parsing, so nothing is looked at twice."""
        self.language = root.attributes.get("lang") or ""
        pieces = self.pieces
        element, kind, level, list_depth = -1, "paragraph", 0, 0
        in_link = in_bold = broken = False
        # the open elements with what held around them; inline ones change only whether text is in a link or bold
        opened: list[tuple[Node, bool, bool, tuple[str, int, str, int, int] | None]] = []
        node: Node | None = root
        while node is not None:
            inside = None
            tag = node.tag
            if tag == "-text":
                text = node.text_content or " "
                if not text.isspace():
                    pieces.append(text)
                    broken = False
                    if in_link:
                        self.link_chars += len(text.strip())
                    if in_bold:
                        self.bold_chars += len(text.strip())
                elif pieces:
                    pieces.append(text)
            elif (role := roles.get(tag, _BLOCK)) >= _INLINE:
                inside = node.first_child
                if role == _BLOCK:
                    assert tag is not None  # None has a role
                    if pieces and tag not in _CELLS:
                        self._end_run(element, kind, level)
                    elif pieces and inside is None:
                        pieces.append(" ")
                    if inside is not None:
                        opened.append((node, in_link, in_bold, (tag, element, kind, level, list_depth)))
                        self.columns.append((tag, node, element, len(self.blocks)))
                        element = len(self.lasts)
                        self.lasts.append(0)
                        if tag in KIND_OF:
                            kind, level = KIND_OF[tag]
                            if tag == "li":
                                level = max(1, list_depth)
                            elif tag == "dt":
                                in_bold = True
                        elif tag in _LISTS:
                            list_depth += 1
                else:
                    if role == _TIME:
                        self._read_time(node)
                    if inside is not None:
                        opened.append((node, in_link, in_bold, None))
                        in_link = in_link or role == _LINK
                        in_bold = in_bold or role == _BOLD
            elif role == _BREAK:
                if pieces and broken:
                    self._end_run(element, kind, level)
                elif pieces:
                    pieces.append(" ")
                    broken = True
            elif role == _READ:
                self._read(tag, node)
            node_after = inside or node.next
            while node_after is None and opened:
                closed, in_link, in_bold, outer = opened.pop()
                if outer:
                    if pieces and outer[0] not in _CELLS:
                        self._end_run(element, kind, level)
                    elif pieces:
                        pieces.append(" ")
                    self.lasts[element] = len(self.blocks)
                    _, element, kind, level, list_depth = outer
                node_after = closed.next
            node = node_after
        if pieces:
            self._end_run(element, kind, level)

    def _end_run(self, element: int, kind: str, level: int) -> None:
        """Make the run of text a block, unless all of it is invisible."""
        text = "".join(self.pieces)
        if not text.isascii():
            for character in _INVISIBLE:  # ten times faster than `translate`
                text = text.replace(character, "")
        text = " ".join(text.split())
        if text:
            link_share, bold = 0.0, False
            if self.link_chars or self.bold_chars:
                run_chars = sum(len(piece.strip()) for piece in self.pieces)
                link_share = round(self.link_chars / run_chars, 4)
                bold = self.bold_chars > 0.9 * run_chars
            self.blocks.append((text, kind, level, link_share, element, bold))
            self.chars += len(text)
        self.pieces.clear()
        self.link_chars = self.bold_chars = 0

    def _read(self, tag: str | None, node: Node) -> None:
        if tag == "script":
            self._read_script(node)
            return
        child = node.first_child
        while child is not None:
            tag = child.tag
            if tag == "title" and not self.head_title:
                self.head_title = " ".join(child.text().split())
            elif tag == "meta":
                self._read_meta(child)
            elif tag == "link":
                attributes = child.attributes
                self.links.setdefault((attributes.get("rel") or "").lower(), attributes.get("href") or "")
            elif tag == "script":
                self._read_script(child)
            child = child.next

    def _read_meta(self, node: Node) -> None:
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        content = attributes.get("content")
        if name and content:
            self.meta.setdefault(name.lower(), " ".join(content.split()))

    def _read_script(self, node: Node) -> None:
        if (node.attributes.get("type") or "").lower() == "application/ld+json":
            self.json_ld.append(node.text())

    def _read_time(self, node: Node) -> None:
        when = node.attributes.get("datetime")
        if when:
            self.times.append(when)

    def page(self, marked: dict[str, list[str]]) -> HtmlPage:
        """The elements that hold text, renumbered, and the blocks that point at them."""
        renumbered: dict[int, int] = {-1: -1}
        elements: list[Element] = []
        make_element, make_block = Element._make, Block._make
        for column, ((tag, node, parent, first), last) in enumerate(zip(self.columns, self.lasts, strict=True)):
            if first < last:
                renumbered[column] = len(elements)
                attributes = node.attributes
                if not attributes:
                    names = ""
                elif len(attributes) == 1 and "class" in attributes:  # as more than half of those that have any
                    names = name_words(attributes["class"] or "")
                else:
                    names = name_words(_raw_names(tag, attributes))
                elements.append(make_element((tag, names, renumbered[parent], first, last)))
        blocks = [
            make_block((text, kind, level, link_share, renumbered[element], None, "", 0, 0, bold))
            for text, kind, level, link_share, element, bold in self.blocks
        ]
        return HtmlPage(
            blocks, elements, self.head_title, self.meta, self.links, self.json_ld, self.language, self.times, marked
        )


def _raw_names(tag: str, attributes: dict[str, str | None]) -> str:
    told = attributes.get
    parts = [told(key) for key in _NAMING]
    if tag not in _ANCHORED:
        parts.append(told("id"))
    style = told("style")
    hidden = "hidden" in attributes or told("aria-hidden") == "true"
    if hidden or (style and "none" in style and "display" in style):
        parts.append("hidden")
    return " ".join(filter(None, parts))
