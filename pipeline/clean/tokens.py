"""What the two linear models of the cleaner read: the words of a block, and the names of its containers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.parse.dates import parse_date
from pipeline.parse.text import OPEN_WORDS, is_short
from pipeline.records import Block, Element, ParsedPage

#: The word model reads this much of a block's beginning and of its end.
HEAD_CHARS = 130
TAIL_CHARS = 40
#: A whole text up to this length is a token of its own ("Read more").
WHOLE_MAX_CHARS = 40
#: So many words of the heading above are read.
HEADING_WORDS = 8
#: A line above a run of short lines leads it in if it is no longer than this.
LEAD_MAX_WORDS = 6

#: A line that says author or date and nothing else is no longer than this.
MAX_BYLINE_CHARS = 80
#: What may stand beside the author's name in such a line.
BYLINE_LABELS = frozenset("by author authors writer written words text story posted published reporter".split())
#: A line that says the date: a label and no more than a date may take.
_DATE_LINE = re.compile(r"date\s*[:：]\s*[\w./,:年月日 -]{6,30}\Z", re.I)
_MARKS = ".,;:!?()[]{}<>\"“”‘’'|/\\+=*_~`^»«•·›‹–—-#@%&$€£©®™…→↑↓←：，。（）、！？；"
#: Bytes of UTF-8: digits to 0, the marks of ASCII to blanks; the others are told apart before.
_FOLD = bytes.maketrans(
    (digits := b"123456789") + (marks := "".join(filter(str.isascii, _MARKS)).encode()),
    b"0" * len(digits) + b" " * len(marks),
)
_WIDE_MARKS = re.compile(f"[{''.join(mark for mark in _MARKS if not mark.isascii())}]")
#: "Author: …", "Tags:…": a label of one or two words and its value.
_LABEL = re.compile(r"[^\W\d]+(?: [^\W\d]+)?(?=\s?[:：])")
_LENGTHS = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100)


def split_words(text: str) -> list[str]:
    """Lower-case words; digits become 0, so that dates and counters look alike.

    >>> split_words("Posted: May 12, 2024")
    ['posted', 'may', '00', '0000']
    """
    return _folded(text).split()


def _folded(text: str) -> str:
    """In lower case, with 0 for digits and blanks for marks; bytes are translated many times faster than characters."""
    lower = text.lower()
    if not lower.isascii():
        lower = _WIDE_MARKS.sub(" ", lower)
    return lower.encode("utf-8", "surrogatepass").translate(_FOLD).decode("utf-8", "surrogatepass")


def length_class(words: int) -> int:
    """The class of a length in words, 0 to 10."""
    return sum(words > limit for limit in _LENGTHS)


def headings_above(page: ParsedPage) -> list[int]:
    """For each block the index of the heading it stands under, -1 where there is none.

    HTML: the last heading before the block. Dumps have no headings: the short line that leads the block's
    run in, either just above the run or as its first line ("Recommendation").
    """
    above: list[int] = []
    if page.is_html:
        last = -1
        for i, block in enumerate(page.blocks):
            above.append(last)
            if block.kind == "heading":
                last = i
        return above
    for element in page.elements:
        if element.tag in ("page", "section"):
            continue
        before = element.first - 1
        lead = before if before >= 0 and _leads(page.blocks[before]) else -1
        for i in range(element.first, element.last):
            above.append(lead)
            opens = i == element.first and lead < 0 or i > element.first and page.blocks[i].gap
            if element.tag == "short" and opens and _leads(page.blocks[i]):
                lead = i
    return above


def _leads(block: Block) -> bool:
    return not block.marker and is_short(block.text) and len(block.text.split()) <= LEAD_MAX_WORDS


def block_tokens(block: Block, words: Sequence[str], heading_words: Sequence[str], tag: str) -> list[str]:
    """The tokens of one block for the word model.

    Parameters
    ----------
    block : Block
    words : sequence of str
        `split_words` of the first `HEAD_CHARS` and last `TAIL_CHARS` characters.
    heading_words : sequence of str
        `split_words` of the heading above.
    tag : str
        The element right around the block, or the shape of its run in a dump.
    """
    text = block.text
    tokens = list(dict.fromkeys(words))
    tokens += shape_tokens(*shape_of(block, tag))
    if words:
        tokens += (f"^{words[0]}", f"{words[-1]}$", f"^{' '.join(words[:2])}")
        if len(text) <= WHOLE_MAX_CHARS:
            tokens.append("=" + " ".join(words))
    label = label_of(text) if block.span else None  # in dumps only: HTML has names for what labels tell
    if label:
        tokens.append(label)
    tokens.extend("<" + word for word in heading_words[:HEADING_WORDS])
    return tokens


def shape_of(block: Block, tag: str) -> tuple[str, str, int, int, str]:
    """What `shape_tokens` are told from: tag, kind, characters by six, quarters in links, last character."""
    text = block.text
    return tag, block.kind, min(len(text) // 6, _LENGTHS[-1] + 1), min(3, int(4 * block.link_share)), text[-1:]


def shape_tokens(tag: str, kind: str, sixths: int, quarters: int, end: str) -> tuple[str, str, str]:
    """The tokens that tell a block's length together with its tag, its kind and links, and its end."""
    length = length_class(sixths)
    ending = end if not end.isalnum() else "0" if end.isdigit() else "a"
    return f"#{tag} {length}", f"#{kind} {length} {quarters}", f"#end {ending} {length}"


def label_of(text: str) -> str | None:
    """The token of a line that begins with a label of one or two words ("Author: …"), None for others."""
    label = _LABEL.match(text)
    return f"{label[0].lower()}:" if label else None


def page_words(page: ParsedPage) -> list[list[str]]:
    """`split_words` of the first `HEAD_CHARS` and last `TAIL_CHARS` characters of every block."""
    longest = HEAD_CHARS + TAIL_CHARS
    texts = (block.text for block in page.blocks)
    ends = [text if len(text) <= longest else f"{text[:HEAD_CHARS]} {text[-TAIL_CHARS:]}" for text in texts]
    if not ends:
        return []
    return [line.split() for line in _folded("\n".join(ends)).split("\n")]


def page_tokens(page: ParsedPage, words: Sequence[Sequence[str]], above: Sequence[int]) -> list[list[str]]:
    """`block_tokens` of every block of a page.

    Parameters
    ----------
    page : ParsedPage
    words : sequence of sequences of str, length n_blocks
        From `page_words`.
    above : sequence of int, length n_blocks
        From `headings_above`.
    """
    elements = page.elements
    return [
        block_tokens(block, words[i], words[above[i]] if above[i] >= 0 else (), elements[block.element].tag)
        for i, block in enumerate(page.blocks)
    ]


def runs_of(page: ParsedPage) -> list[range]:
    """The runs of blocks that are alike in kind and in the tag of their element, in order, covering the page."""
    keys = [(block.kind, page.elements[block.element].tag) for block in page.blocks]
    starts = [i for i in range(len(keys)) if not i or keys[i] != keys[i - 1]]
    return [range(first, last) for first, last in zip(starts, [*starts[1:], len(keys)], strict=True)]


def leads_in(text: str) -> bool:
    """Whether a line leads a list in: it ends in a colon, or breaks off.

    >>> leads_in("Triggers include:"), leads_in("Other reasons are"), leads_in("Related")
    (True, True, False)
    """
    return text.endswith((":", "：")) or text.rsplit(None, 1)[-1] in OPEN_WORDS


def are_titles(page: ParsedPage, words: Sequence[Sequence[str]]) -> list[bool]:
    """For each block whether it says the page's title and nothing else; its words are from `page_words`."""
    title = split_words(page.title or "")
    if not title:
        return [False] * len(page.blocks)
    longest, whole = 2 * len(page.title or "") + 10, HEAD_CHARS + TAIL_CHARS
    return [
        len(block.text) < longest and (held if len(block.text) <= whole else split_words(block.text)) == title
        for block, held in zip(page.blocks, words, strict=True)
    ]


def name_tokens(element: Element) -> list[str]:
    """The tokens of one element for the name model: its tag, and the words of its attributes.

    >>> name_tokens(Element("div", "entry content", 0, 0, 1))
    ['<div>', 'entry', 'content']
    """
    return [f"<{element.tag}>", *element.names.split()]


def are_bylines(page: ParsedPage) -> list[bool]:
    """For each block whether it says the author ("By Ada Wren") or date ("Date: 4 March 2025") and nothing else."""
    author = split_words(page.author or "")
    return [
        len(block.text) <= MAX_BYLINE_CHARS
        and (
            bool(author)
            and author[-1] in block.text.lower()  # told quickly, and false for nearly all
            and _names(split_words(block.text), author)
            or page.date is not None
            and _DATE_LINE.match(block.text) is not None
            and parse_date(block.text) == page.date
        )
        for block in page.blocks
    ]


def _names(words: Sequence[str], author: Sequence[str]) -> bool:
    labels = words[: -len(author)]
    return words[-len(author) :] == author and bool(labels) and BYLINE_LABELS.issuperset(labels)
