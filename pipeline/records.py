"""The records that travel from stage to stage: small, frozen, without behaviour.

    RawPage --parse--> ParsedPage --clean--> Article --split--> [Section] --tag--> TaggedArticle

A block knows its own numbers, so that no stage after `parse` ever looks at a parser's tree.
"""

from __future__ import annotations

from typing import NamedTuple

#: Kinds of block, in the order in which a reader meets them.
BLOCK_KINDS = ("heading", "paragraph", "item", "cell", "quote", "caption", "pre")
#: Kinds of page; only articles and forums are tagged.
PAGE_KINDS = ("article", "list", "forum", "other", "none")


class RawPage(NamedTuple):
    """One page as it was read: nothing is known of its content yet."""

    page_id: str
    source: str  # where it came from, for people: a path, with ":line" for a row of a table
    content: bytes | str
    is_html: bool | None = None  # None: to be told from the content
    url: str | None = None
    site: str | None = None
    title: str | None = None
    charset: str | None = None  # of content that is bytes, as the server told it


class Element(NamedTuple):
    """One HTML element that holds text, in document order."""

    tag: str
    names: str  # the words of class, id, role, itemprop and aria-label, lower case, joined by blanks
    parent: int  # index of the parent in `ParsedPage.elements`, -1 for the root
    first: int  # the blocks [first, last) stand inside it
    last: int


class Block(NamedTuple):
    """A run of text between block-level borders: a paragraph, a list item, a heading, a table row."""

    text: str  # white space folded
    kind: str  # one of BLOCK_KINDS
    level: int = 0  # heading: 1 to 6; item: depth of its list, from 1; else 0
    link_share: float = 0.0  # characters inside links / characters, 0 to 1
    element: int = -1  # HTML: index of the innermost element around it; text: -1
    span: tuple[int, int] | None = None  # text: characters [start, end) of the source; HTML: None
    marker: str = ""  # text: the bullet or number before it, as it stood ("-", "•", "3.")
    indent: int = 0  # text: columns before the first character
    gap: int = 0  # text: blank lines before it
    bold: bool = False  # HTML: the whole block stands in <b>, <strong> or a like element


class ParsedPage(NamedTuple):
    """A page as blocks, with what its head or first lines tell about it."""

    page_id: str
    source: str
    is_html: bool
    url: str | None
    site: str | None
    title: str | None
    date: str | None  # of publication, else of the last change; ISO 8601 day, "2024-03-08"
    author: str | None
    language: str | None  # ISO 639-1, "en"; None where too little text tells
    blocks: tuple[Block, ...]
    elements: tuple[Element, ...] = ()
    modified: str | None = None  # the day of the last change, as the page tells it
    site_name: str | None = None  # what the site calls itself
    canonical: str | None = None  # the address that the page gives as its own


class Verdict(NamedTuple):
    """What the cleaner says of one block, and why."""

    keep: bool
    score: float  # probability that the block belongs to the article, 0 to 1, four decimals
    reason: str  # "" for kept blocks, else a key of `clean.REASONS`


class Article(NamedTuple):
    """A cleaned page: all its blocks, each with a verdict."""

    page: ParsedPage
    page_kind: str  # one of PAGE_KINDS
    verdicts: tuple[Verdict, ...]  # one for each block of `page.blocks`

    @property
    def kept(self) -> list[Block]:
        """The blocks of the article, in order."""
        return [b for b, v in zip(self.page.blocks, self.verdicts, strict=True) if v.keep]

    @property
    def text(self) -> str:
        """The cleaned article: its blocks joined by newlines, without the title."""
        return "\n".join(b.text for b in self.kept)


class Passage(NamedTuple):
    """One kept block that is not a heading."""

    block: int  # index into the article's blocks
    kind: str
    text: str
    lead_in: str = ""  # the line that leads in the list this item belongs to ("Triggers include:")


class Section(NamedTuple):
    """A heading with the passages right under it, or the passages before the first heading."""

    heading: str  # "" where there is none
    level: int  # of the heading, 1 to 6; 0 where there is none
    parents: tuple[str, ...]  # the headings above this one, outermost first
    passages: tuple[Passage, ...]  # none where another heading follows at once
    position: int  # the block of the heading, or of the first passage where there is none


class Evidence(NamedTuple):
    """Why a passage carries a tag."""

    tag: str
    terms: tuple[tuple[str, float], ...]  # what weighed most, with its share of the logit, largest first
    start: int  # the sentence that carries the tag: characters [start, end) of the passage
    end: int


class TaggedPassage(NamedTuple):
    """A passage with its answer."""

    passage: Passage
    tags: tuple[str, ...]  # primary first
    scores: tuple[float, ...]  # calibrated probability of each label, in the labels' order, four decimals
    evidence: tuple[Evidence, ...]  # one for each tag
    unsure: tuple[str, ...] = ()  # labels for which neither yes nor no is as probable as the user asks for


class TaggedSection(NamedTuple):
    """A section with its answer."""

    section: Section
    tags: tuple[str, ...]  # carried by at least a third of its words, primary first
    scores: tuple[float, ...]  # mean of the passages' scores, weighted by words
    passages: tuple[TaggedPassage, ...]
