"""What readers wrote under an article: kept by the model now and then, as it reads like one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipeline.clean.pagekind import FORUM_URL
from pipeline.records import ParsedPage

_NAMES = re.compile(r"\b(?:comments|commentlist|disqus)\b")
#: An element named so holds readers' comments if at least so many kept words stand before it (tried: 60, 100, 200); in
#: a forum they are the page.
MIN_WORDS_BEFORE = 100


def are_comments(page: ParsedPage, keep: Sequence[bool]) -> list[bool]:
    """For each block whether it is a comment under an article.

    Parameters
    ----------
    page : ParsedPage
    keep : sequence of bool, length n_blocks
        What would be kept without asking.
    """
    found = [False] * len(page.blocks)
    places = [e for e in page.elements if ("omment" in e.names or "disqus" in e.names) and _NAMES.search(e.names)]
    if not places or FORUM_URL.search((page.url or "").lower()):
        return found
    words = [(block.text.count(" ") + 1) * k for block, k in zip(page.blocks, keep, strict=True)]
    before = np.concatenate(([0], np.cumsum(words)))
    for element in places:
        if before[element.first] >= MIN_WORDS_BEFORE:
            found[element.first : element.last] = [True] * (element.last - element.first)
    return found
