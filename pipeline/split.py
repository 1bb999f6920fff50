"""split: the kept blocks of an article to sections of passages.

A section is a heading with the passages under it. Headings are the blocks that the source marks as such, and
paragraphs that do the work of one: text dumps and classless HTML know no other. Every kept block that is not
a heading becomes a passage, short ones too; an item of a list carries the line that leads its list in.

An article without headings is one section with heading "": where its topics turn is not looked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.parse.text import OPEN_WORDS
from pipeline.records import Block, Passage, Section

#: Level of a heading whose source names none, and of one found outside any marked heading.
DEFAULT_LEVEL = 2
#: Longest heading among paragraphs, in words: a bold line or a question, and a bare line.
MAX_HEADING_WORDS = 14
MAX_BARE_HEADING_WORDS = 9
#: A bare line is a heading only above a paragraph of at least so many words.
MIN_PROSE_WORDS = 12
#: Longest line that leads in a list without ending in a colon, in words.
MAX_LEAD_IN_WORDS = 25

#: Words that name a part of a health article: a line of one to three capitalised words is a heading only with
#: one of them, since without it looks like a name ("Home Remedies" and "Jane Miller").
SECTION_WORDS = frozenset(
    """advice background bottom causes care complications conclusion conditions definition diagnosis diet exercise
    exercises factors facts line medication medications medicine medicines myths outlook overview prevention
    prognosis recovery recommendation recommendations related remedies remedy risk risks side effects signs summary
    surgery symptom symptoms takeaway therapy tips treating treatment treatments triggers types vaccines
    warning""".split()
)

_QUESTION_START = re.compile(
    r"(?:\d+[.)] )?(?:so,? )?(?:what|what's|whats|when|why|how|who|which|where|can|could|is|are|do|does|did|"
    r"should|will|would|have|has)\b",
    re.IGNORECASE,
)
_LEADS_IN = re.compile(r"\b(?:following|below|includes?|including|such as|these|here's|here are)\b", re.I)
_NOT_A_HEADING = re.compile(
    r"(?:by|photo|image|picture|source|credit|share|follow|read more|see also|updated|published|posted)\b"
    r"|.*\b(?:19|20)\d\d\b"  # datelines
    r"|.*\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.? \d"
    r"|.*\b(?:md|phd|rn|mph|reuters|getty|ap)\b"  # names with a degree, agencies
    r"|.*(?:@|https?:|www\.)",
    re.IGNORECASE,
)
_SENTENCE_END = (".", "!", "?", "…", ".”", '."', ".’", ".)", "!”", '!"', "?”", '?"')
_NO_HEADING_END = (*_SENTENCE_END, ",", ";", ":", "-", "–", "—", "”", '"')
_LIST_KINDS = ("item", "cell")
_LAST_SENTENCE = re.compile(r"(?:.*[.!?][\"”’)]*\s+)?(.+)", re.DOTALL)


class _Heading(NamedTuple):
    text: str
    level: int
    position: int


def split(blocks: Sequence[tuple[int, Block]]) -> list[Section]:
    """Cut an article into sections.

    Parameters
    ----------
    blocks
        The kept blocks in order, each with its index in the page.

    Returns
    -------
    list of Section
        In order. Every block is either the heading of a section or exactly one passage; a heading right above
        another one makes a section without passages.

    >>> blocks = [(0, Block("Why we hiccup", "heading", 2)), (4, Block("Eating too fast.", "paragraph"))]
    >>> split(blocks)[0].heading
    'Why we hiccup'
    """
    sections: list[Section] = []
    above: list[_Heading] = []  # the open headings, outermost first; the last is that of the open section
    marked_level = DEFAULT_LEVEL - 1  # of the last heading that the source marked
    passages: list[Passage] = []
    lead_in = ""

    def close() -> None:
        if passages or above:
            heading = above[-1] if above else _Heading("", 0, passages[0].block)
            parents = tuple(h.text for h in above[:-1])
            sections.append(Section(heading.text, heading.level, parents, tuple(passages), heading.position))
            passages.clear()

    plain = [block for _, block in blocks]
    for position, (index, block) in enumerate(blocks):
        marked = block.kind == "heading"
        if marked or _works_as_heading(plain, position):
            close()
            if marked:
                marked_level = block.level or DEFAULT_LEVEL
            level = marked_level if marked else min(6, marked_level + 1)
            above = [h for h in above if h.level < level] + [_Heading(block.text, level, index)]
            lead_in = ""
            continue
        listed = block.kind in _LIST_KINDS or bool(lead_in) and _is_torn_item(block)
        passages.append(Passage(index, block.kind, block.text, lead_in if listed else ""))
        if not listed:
            lead_in = _lead_in(block)
    close()
    return sections


def _works_as_heading(blocks: Sequence[Block], position: int) -> bool:
    """Whether a paragraph does the work of a heading: what it looks like and what stands around it."""
    block = blocks[position]
    below = blocks[position + 1] if position + 1 < len(blocks) else None
    if block.kind != "paragraph" or below is None or below.kind == "heading":
        return False
    text, words = block.text, block.text.split()
    if len(words) > MAX_HEADING_WORDS or not text[:1].isalnum() or _NOT_A_HEADING.match(text):
        return False
    above = blocks[position - 1] if position else None
    if text.endswith("?"):  # one question and nothing else, with its answer below
        return (
            len(words) > 1
            and not re.search(r"[.!?] ", text[3:])
            and bool(_QUESTION_START.match(text))
            and (not below.text.endswith("?"))
        )
    if block.bold and not below.bold:
        return not text.endswith((*_SENTENCE_END, ",", ";")) and not (text.endswith(":") and len(words) > 4)
    return _is_bare_heading(text, words) and _stands_alone(above) and _is_prose(below)


def _is_bare_heading(text: str, words: list[str]) -> bool:
    if len(words) > MAX_BARE_HEADING_WORDS or text.endswith(_NO_HEADING_END) or ":" in text:
        return False
    if not (text[0].isupper() or text[0].isdigit()) or _LEADS_IN.search(text) or words[-1] in OPEN_WORDS:
        return False
    letters = [word for word in words if word[0].isalpha()]
    if any(word.strip(",&'’").lower() in SECTION_WORDS for word in letters):
        return True
    like_a_name = all(word[0].isupper() for word in letters) and not text[0].isdigit()
    return len(letters) > 3 or len(letters) == 3 and not like_a_name


def _stands_alone(above: Block | None) -> bool:
    """Whether the block above is none of a run of short lines, nor the lead-in of a list."""
    if above is None or above.kind == "heading":
        return True
    return above.text.endswith(_SENTENCE_END) and not (above.kind in _LIST_KINDS and len(above.text.split()) < 4)


def _is_prose(block: Block) -> bool:
    return (
        block.kind == "item"
        or block.kind == "paragraph"
        and (len(block.text.split()) >= MIN_PROSE_WORDS or block.text.endswith(":"))
    )


def _is_torn_item(block: Block) -> bool:
    """A short paragraph under a lead-in, without end punctuation: an item that lost its bullet."""
    return (
        block.kind == "paragraph"
        and len(block.text.split()) <= MAX_BARE_HEADING_WORDS
        and not block.text.endswith((*_SENTENCE_END, ":"))
    )


def _lead_in(block: Block) -> str:
    """The line by which a passage leads in a list below it: its last sentence; "" where it leads in none."""
    match = _LAST_SENTENCE.fullmatch(block.text)
    last = match[1] if match else block.text
    if block.text.endswith(":"):
        return last
    words = last.split()
    leads = words[-1] in OPEN_WORDS or bool(_LEADS_IN.search(last))
    return last if leads and len(words) <= MAX_LEAD_IN_WORDS else ""
