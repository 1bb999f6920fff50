"""What kind of page it is: article, list, forum, other or none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.records import ParsedPage

#: Less kept text than this is no article.
MIN_WORDS = 40
#: Prose: blocks of at least so many words; a page whose kept words are to less than this share prose is no article.
PROSE_WORDS = 15
MIN_PROSE_SHARE = 0.35
#: A page without prose is a list if its kept blocks are to this share short lines or links.
LIST_LINE_WORDS = 14
_FORUM_NAMES = re.compile(r"\b(?:forum|thread|topic|posts?|reply|replies|message|vbulletin|phpbb|xenforo|discussion)\b")
FORUM_URL = re.compile(
    r"/(?:forums?|threads?|topics?|showthread|viewtopic|community|discussions?|t|questions)\b|//forums?\."
)
#: A forum shows its words in the names around so many of the kept blocks.
MIN_FORUM_SHARE = 0.5


def page_kind(page: ParsedPage, keep: Sequence[bool]) -> str:
    """One of `records.PAGE_KINDS`, told from what was kept.

    Parameters
    ----------
    page : ParsedPage
    keep : sequence of bool, length n_blocks
    """
    kept = [block for block, k in zip(page.blocks, keep, strict=True) if k]
    words = [block.text.count(" ") + 1 for block in kept]
    total = sum(words)
    if total < MIN_WORDS:
        return "none"
    if page.is_html and _is_forum(page, keep):
        return "forum"
    prose = sum(n for n in words if n >= PROSE_WORDS)
    if prose >= MIN_PROSE_SHARE * total:
        return "article"
    short = sum(n <= LIST_LINE_WORDS or block.link_share > 0.5 for block, n in zip(kept, words, strict=True))
    return "list" if short > 0.6 * len(kept) else "other"


def _is_forum(page: ParsedPage, keep: Sequence[bool]) -> bool:
    """Whether most kept blocks stand in elements named like posts, on an address named like a forum."""
    if not FORUM_URL.search((page.url or "").lower()):
        return False
    named = [bool(_FORUM_NAMES.search(element.names)) for element in page.elements]
    for i, element in enumerate(page.elements):
        named[i] = named[i] or (element.parent >= 0 and named[element.parent])
    kept = [block for block, k in zip(page.blocks, keep, strict=True) if k]
    return sum(named[block.element] for block in kept) >= MIN_FORUM_SHARE * len(kept)
