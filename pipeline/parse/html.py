"""HTML to blocks: one walk over Lexbor's tree with an explicit stack.

A block is a run of text between the borders of block-level elements, cut also at two `<br>` in a row.
The cells of a table row that hold plain text make one block. This is the only module that knows a parser.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

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
#: What a block is, by the innermost of these elements around it; table cells count last.
KIND_OF = {
    **{f"h{level}": "heading" for level in range(1, 7)},
    "li": "item",
    "blockquote": "quote",
    "figcaption": "caption",
    "caption": "caption",
    "pre": "pre",
}
#: Below this many characters of text outside it, `<noscript>` is read too: pages built by script alone.
NOSCRIPT_BELOW_CHARS = 500

_BOLD = frozenset(("b", "strong", "dt"))
_CELLS = frozenset(("td", "th"))
#: The id of a heading is a slug of its text, which says nothing of its place.
_ANCHORED = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_WORD_BORDER = re.compile(r"[^a-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_INVISIBLE = str.maketrans("", "", "\u00ad\u200b\u200c\u200d\u2060\ufeff")


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


def parse_html(source: str) -> HtmlPage:
    """Walk one page.

    Parameters
    ----------
    source : str
        HTML of any quality; Lexbor repairs it as browsers do.
    """
    tree = LexborHTMLParser(source)
    walk = _Walk()
    if tree.root is not None:
        walk.over(tree.root, noscript=False)
        if walk.chars < NOSCRIPT_BELOW_CHARS and "<noscript" in source:
            walk = _Walk()
            walk.over(tree.root, noscript=True)
    return walk.page()


@lru_cache(maxsize=1 << 16)
def name_words(raw: str) -> str:
    """The words of attribute values: letters only, lower case, camelCase cut, each once.

    >>> name_words("entry-content postBody_2")
    'entry content post body'
    """
    words = _WORD_BORDER.split(_CAMEL.sub(" ", raw).lower())
    return " ".join(dict.fromkeys(word for word in words if len(word) > 1))


class _Walk:
    """The state of one walk: columns of elements, and the run of text being gathered."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, str, int, float, int, bool]] = []
        self.tags: list[str] = []
        self.names: list[str] = []
        self.parents: list[int] = []
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        self.pieces: list[str] = []
        self.chars = self.link_chars = self.bold_chars = self.run_chars = self.breaks = 0
        self.head_title = self.language = ""
        self.meta: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.json_ld: list[str] = []
        self.times: list[str] = []

    def over(self, root: LexborNode, noscript: bool) -> None:
        """Visit every node in document order; None on the stack closes the innermost open element."""
        stack: list[LexborNode | None] = [root]
        opened: list[tuple[str, int]] = []  # (tag, column of the element or -1 for an inline one)
        element, kind, level, list_depth = -1, "paragraph", 0, 0
        kinds: list[tuple[str, int]] = []
        in_link = in_bold = 0
        while stack:
            node = stack.pop()
            if node is None:
                tag, column = opened.pop()
                if column >= 0:
                    if tag in _CELLS:
                        self.pieces.append(" ")
                    else:
                        self._end_run(element, kind, level)
                    self.lasts[column] = len(self.blocks)
                    element = self.parents[column]
                    kind, level = kinds.pop()
                    list_depth -= tag in ("ul", "ol")
                if tag == "a":
                    in_link -= 1
                elif tag in _BOLD:
                    in_bold -= 1
                continue
            following = node.next
            if following is not None:
                stack.append(following)
            tag = node.tag or ""
            if tag == "-text":
                text = node.text_content
                if text:
                    self._add_text(text, in_link > 0, in_bold > 0)
                continue
            if tag == "br":
                self.breaks += 1
                self.pieces.append(" ")
                if self.breaks == 2:
                    self._end_run(element, kind, level)
                continue
            if tag in SKIPPED:
                if tag == "head":
                    self._read_head(node)
                elif tag == "script":
                    self._read_script(node)
                continue
            if tag[:1] in "-!" or (tag == "noscript" and not noscript):
                continue
            column = -1
            if tag not in INLINE:
                if tag not in _CELLS or not self.pieces:
                    self._end_run(element, kind, level)
                kinds.append((kind, level))
                column = self._open(node, tag, element)
                element = column
                if tag in KIND_OF:
                    kind = KIND_OF[tag]
                    list_depth_here = max(1, list_depth)
                    level = int(tag[1]) if kind == "heading" else list_depth_here if kind == "item" else 0
                elif tag in ("td", "th", "tr"):
                    kind, level = "cell", 0
                elif tag in ("dt", "dd"):
                    kind, level = "paragraph", 0
                list_depth += tag in ("ul", "ol")
            elif tag == "time":
                when = node.attributes.get("datetime")
                if when:
                    self.times.append(when)
            in_link += tag == "a"
            in_bold += tag in _BOLD
            opened.append((tag, column))
            stack.append(None)
            child = node.child
            if child is not None:
                stack.append(child)
        self._end_run(element, kind, level)

    def _open(self, node: LexborNode, tag: str, parent: int) -> int:
        attributes = node.attributes
        names = ""
        if attributes:
            names = name_words(_raw_names(tag, attributes))
            if tag == "html":
                self.language = attributes.get("lang") or ""
        self.tags.append(tag)
        self.names.append(names)
        self.parents.append(parent)
        self.firsts.append(len(self.blocks))
        self.lasts.append(len(self.blocks))
        return len(self.tags) - 1

    def _add_text(self, text: str, in_link: bool, in_bold: bool) -> None:
        self.pieces.append(text)
        chars = len(text.strip())
        if chars:
            self.breaks = 0
            self.run_chars += chars
            self.link_chars += chars if in_link else 0
            self.bold_chars += chars if in_bold else 0

    def _end_run(self, element: int, kind: str, level: int) -> None:
        """Close the run of text, and make it a block if it holds any."""
        self.breaks = 0
        if not self.run_chars:
            self.pieces.clear()
            return
        text = " ".join("".join(self.pieces).translate(_INVISIBLE).split())
        if text:
            link_share = round(min(1.0, self.link_chars / self.run_chars), 4)
            bold = self.bold_chars > 0.9 * self.run_chars
            self.blocks.append((text, kind, level, link_share, element, bold))
            self.chars += len(text)
        self.pieces.clear()
        self.run_chars = self.link_chars = self.bold_chars = 0

    def _read_head(self, head: LexborNode) -> None:
        node = head.child
        while node is not None:
            tag = node.tag
            if tag == "title" and not self.head_title:
                self.head_title = " ".join((node.text() or "").split())
            elif tag == "meta":
                self._read_meta(node)
            elif tag == "link":
                attributes = node.attributes
                self.links.setdefault((attributes.get("rel") or "").lower(), attributes.get("href") or "")
            elif tag == "script":
                self._read_script(node)
            node = node.next

    def _read_meta(self, node: LexborNode) -> None:
        attributes = node.attributes
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop")
        content = attributes.get("content")
        if name and content:
            self.meta.setdefault(name.lower(), " ".join(content.split()))

    def _read_script(self, node: LexborNode) -> None:
        if (node.attributes.get("type") or "").lower() == "application/ld+json":
            self.json_ld.append(node.text(deep=True))

    def page(self) -> HtmlPage:
        """The elements that hold text, renumbered, and the blocks that point at them."""
        renumbered: dict[int, int] = {-1: -1}
        elements: list[Element] = []
        for column, (first, last) in enumerate(zip(self.firsts, self.lasts, strict=True)):
            if first < last:
                renumbered[column] = len(elements)
                parent = renumbered[self.parents[column]]
                elements.append(Element(self.tags[column], self.names[column], parent, first, last))
        blocks = [
            Block(text, kind, level, link_share, renumbered[element], None, "", 0, 0, bold)
            for text, kind, level, link_share, element, bold in self.blocks
        ]
        return HtmlPage(
            blocks, elements, self.head_title, self.meta, self.links, self.json_ld, self.language, self.times
        )


def _raw_names(tag: str, attributes: dict[str, str | None]) -> str:
    parts = [attributes.get(key) for key in ("class", "role", "itemprop", "aria-label")]
    if tag not in _ANCHORED:
        parts.append(attributes.get("id"))
    style = attributes.get("style")
    hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
    if hidden or (style and "none" in style and "display" in style):
        parts.append("hidden")
    return " ".join(part for part in parts if part)
